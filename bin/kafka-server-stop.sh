#!/bin/sh
# kafka-server-stop.sh of Apache Kafka: the same flags, carried out by penstock.
exec "$(dirname "$(readlink -f "$0")")/penstock-front.sh" kafka-server-stop "$@"
