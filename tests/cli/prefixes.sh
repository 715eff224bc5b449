#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# prefixes.sh - routes and countries as they are: a part of them, every packet
#
# From the build directory. Of a full routing table and of a list of countries
# some thousand prefixes become a map. It must be done by tables, and
# packets to the first and the last address of each prefix, and of prefixes that
# were left out, must get the verdict that the rules as written give.
set -eu

PATH=${SKPOL_BUILD:-$PWD}:$PATH
data=${SKPOL_SHARED:-${srcdir:-.}/../shared}/data/prefixes

skip() {
	echo "SKIP: $1"
	exit 77
}

[ -r "$data/full-table.txt.gz" ] || skip "no prefixes in $data"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A prefix a line, and a label: KEEP every so many, ASK for every so many.
# shellcheck disable=SC2016 # $1 is awk's
program='
function last(prefix,    part, byte, i, n, out) {
	split(prefix, part, "/")
	split(part[1], byte, ".")
	n = 32 - part[2]
	for (i = 4; i > 0; i--) {
		if (n > 0)
			byte[i] += 2 ^ (n > 8 ? 8 : n) - 1
		n -= 8
	}
	return byte[1] "." byte[2] "." byte[3] "." byte[4]
}
function ask(address) {
	if (address ~ /:/)
		print "tcp [2001:db8::1]:5000 -> [" address "]:443" >packets
	else
		print "tcp 192.0.2.1:5000 -> " address ":443" >packets
}
{ sub(/\r$/, "") }
seen[$1]++ || NF == 0 { next }
NR % keep == 0 {
	label = "s" (NF > 1 ? (index(letters, substr($2, 1, 1)) + 7 * \
		     index(letters, substr($2, 2, 1))) % 60 : NR * 7 % 61 % 60)
	print $1 " -> " label >map
}
NR % ask_every == 0 {
	split($1, network, "/")
	ask(network[1])
	if ($1 !~ /:/)
		ask(last($1))
}'

# part NAME KEEP ASK: what comes in, as NAME.skl and NAME.pkt
part() {
	awk -v keep="$2" -v ask_every="$3" -v map="$work/$1.map" \
		-v packets="$work/$1.pkt" \
		-v letters=abcdefghijklmnopqrstuvwxyz "$program"
	{
		echo "policy $1"
		i=0
		while [ "$i" -lt 60 ]; do
			echo "socket s$i"
			i=$((i + 1))
		done
		echo "map m by to = file \"$1.map\""
		echo "any -> map m"
		echo "default -> pass"
	} >"$work/$1.skl"
}

# agree NAME: rules and bytes say the same of all packets, there are tables
agree() {
	skpolc "$work/$1.skl" -o "$work/$1.o" --report 2>"$work/report" || {
		cat "$work/report"
		exit 1
	}
	grep -q 'for all packets' "$work/report"
	[ "$(grep -c '^    \* [il]' "$work/report")" -eq 2 ] || {
		cat "$work/report"
		exit 1
	}
	skpolc verdicts --engine rules "$work/$1.skl" "$work/$1.pkt" \
		>"$work/rules"
	skpolc verdicts "$work/$1.o" "$work/$1.pkt" >"$work/bytes"
	cmp "$work/rules" "$work/bytes"
	echo "$1: $(wc -l <"$work/$1.map") prefixes," \
		"$(wc -l <"$work/bytes") packets"
}

gzip -dc "$data/full-table.txt.gz" | part table 20 200
agree table
gzip -dc "$data/country_v4.txt.gz" "$data/country_v6.txt.gz" |
	part country 7 80
agree country
