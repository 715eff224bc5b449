#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# examples - each compiles without a word, with its expects, and its packets get
# the verdicts beside them from the rules, the diagram and the bytes
set -eu

src=$(realpath "$(dirname "$0")/../..")
PATH=$PWD:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

n=0
for policy in "$src"/examples/*.skl; do
	name=$(basename "$policy" .skl)
	skpolc "$policy" -o "$work/$name.o" 2>"$work/said"
	if [ -s "$work/said" ]; then
		cat "$work/said"
		exit 1
	fi
	skpolc fmt "$policy" | cmp - "$policy"
	for engine in rules diagram bytes; do
		skpolc verdicts "$policy" "$src/examples/$name.pkt" \
			--engine="$engine" >"$work/verdicts"
	done
	skpolc verdicts "$work/$name.o" "$src/examples/$name.pkt" \
		>"$work/verdicts"
	n=$((n + 1))
done
skpolc explain "$src/examples/edge.skl" \
	'tcp 198.51.100.8:50000 -> 192.0.2.1:9000' >"$work/why"
for line in '=> https$' 'rule *next, edge.skl:' 'listed: .* not in spam' \
	'the program itself: https$'; do
	grep -q "$line" "$work/why" || { cat "$work/why" && false; }
done
awk -f "$src/examples/lists/drop.awk" | cmp - "$src/examples/lists/drop.txt"
echo "$n examples"
[ "$n" -ge 7 ]
