#!/bin/sh
# kafka-console-producer.sh of Apache Kafka: the same flags, carried out by penstock.
exec "$(dirname "$(readlink -f "$0")")/penstock-front.sh" kafka-console-producer "$@"
