#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# symbols - each library exports what its version script and its header say,
# and nothing else; and has what abidiff needs
set -eu

src=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# promised MAP: the names in a version script
promised() {
	sed -n '/^global:/,/^local:/s/^	\([a-z0-9_]*\);.*/\1/p' "$1" | sort
}

# declared HEADER: the functions that a program may call
declared() {
	tr '\n' ' ' <"$1" | tr ';' '\n' |
		sed -n 's/^.*SKPOLC*_API [^(]*[ *]\(skpolc*_[a-z0-9_]*\)(.*/\1/p' |
		sort
}

check() {
	library=$1 map=$2 header=$3
	so=.libs/$library.so
	promised "$map" >"$work/promised"
	[ -s "$work/promised" ] || { echo "no names in $map"; exit 1; }
	nm -D --defined-only "$so" | awk '$2 != "A" { print $3 }' |
		sed 's/@.*//' | sort >"$work/exported"
	diff -u --label "$map" --label "$so" "$work/promised" "$work/exported"
	declared "$header" >"$work/declared"
	diff -u --label "$map" --label "$header" "$work/promised" \
		"$work/declared"
	if grep -q '^CFLAGS = .*-g' Makefile &&
		! readelf -SW "$so" | grep -q '\.debug_info'; then
		echo "$so has no debug information"
		exit 1
	fi
	# no way out, and nothing printed (flex names stdout, and never
	# writes to it)
	if nm -D --undefined-only "$so" | awk '{ print $2 }' | sed 's/@.*//' |
		grep -Ex '_?exit|quick_exit|puts|printf|vprintf|putchar|perror'
	then
		echo "$so prints, or exits"
		exit 1
	fi
}

check libskpol "$src/runtime/skpol.map" "$src/runtime/skpol.h"
check libskpolc "$src/compiler/libskpolc.map" "$src/compiler/api/skpolc.h"

# the headers stand alone, in C and in C++
for h in runtime/skpol.h compiler/api/skpolc.h; do
	${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -pedantic \
		-fsyntax-only -x c "$src/$h"
	if command -v c++ >/dev/null; then
		c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -x c++ \
			"$src/$h"
	fi
done

# two builds of one source are one ABI: the tool finds all it wants
if command -v abidiff >/dev/null; then
	for l in libskpol libskpolc; do
		abidiff ".libs/$l.so" ".libs/$l.so"
	done
fi
