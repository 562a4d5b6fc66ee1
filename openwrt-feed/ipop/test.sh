#!/bin/sh

[ "$1" = ipop ] || [ "$1" = ipop-micropython ] || exit 0

ipop --version | grep -F "$2"
ipopd --version | grep -F "$2"
ipopd --check --config /etc/config/ipop

key=$(mktemp -u)
ipop keygen "$key" && [ "$(wc -c < "$key")" -ge 44 ]
rm -f "$key"
