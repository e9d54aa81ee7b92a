#!/bin/sh
# kafka-dump-log.sh of Apache Kafka: the same flags, carried out by penstock.
exec "$(dirname "$(readlink -f "$0")")/penstock-front.sh" kafka-dump-log "$@"
