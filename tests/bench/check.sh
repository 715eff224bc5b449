#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# check.sh - whether ./dev bench works: no figure of it is looked at
#
# From the build directory. A few small sets, as quickly as can be: every row is
# there, no verdict is wrong, the file can be drawn.
set -eu

src=${srcdir:-$(dirname "$0")/../..}
[ "$(id -u)" = 0 ] || { echo "SKIP: loading programs needs root"; exit 77; }
unshare -n true 2>/dev/null || { echo "SKIP: no new namespaces here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# rows KIND N
rows() {
	n=$(grep -c "\"kind\": \"$1\"" "$work/bench.json" || :)
	[ "$n" = "$2" ] || { echo "$n rows of $1, not $2"; exit 1; }
}

tests/bench/bench -q -s "$src" -o "$work/bench.json" 'hand/*' \
	random4/1 random4/10 random4/100 random6/100 >"$work/table"
cat "$work/table"
rows cost 21
rows lookup 32
rows failed 0
[ "$(wc -l <"$work/table")" -ge 56 ] || { echo "lines are missing"; exit 1; }
status=0
tests/bench/bench no-such-set 2>"$work/said" || status=$?
[ "$status" = 2 ] || { echo "a set that is not there: status $status"; exit 1; }
grep -q 'no set of that name' "$work/said"
tests/bench/plot "$work/bench.json" "$work"
for f in sizes bars; do
	grep -q '</svg>' "$work/$f.svg"
done
tests/bench/count "$src/tests/bench/hand/edge.skl" >"$work/count"
cat "$work/count"
[ "$(wc -l <"$work/count")" = 16 ] || { echo "not sixteen counts"; exit 1; }
grep -Eq '^instructions +[1-9][0-9]\.' "$work/count"
tests/bench/memory 1000 >"$work/memory"
cat "$work/memory"
[ "$(grep -Ec '^ +[1-9][0-9]+ +[0-9.]+ +[0-9.]+$' "$work/memory")" = 13 ] ||
	{ echo "not thirteen sizes"; exit 1; }
tests/bench/runtime -q -o "$work/runtime.json"
rows_of() { grep -c "\"$1\":" "$work/runtime.json" || :; }
[ "$(rows_of count)" = 11 ] || { echo "$(rows_of count) counts"; exit 1; }
[ "$(rows_of ms)" = 12 ] || { echo "$(rows_of ms) times"; exit 1; }
