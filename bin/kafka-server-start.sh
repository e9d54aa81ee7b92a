#!/bin/sh
# kafka-server-start.sh of Apache Kafka: the same flags, carried out by penstock.
exec "$(dirname "$(readlink -f "$0")")/penstock-front.sh" kafka-server-start "$@"
