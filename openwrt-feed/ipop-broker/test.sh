#!/bin/sh

[ "$1" = ipop-broker ] || exit 0

mosquitto -c /etc/mosquitto/ipop-broker.conf &
pid=$!
sleep 1
kill "$pid"   # fails where it has not started
