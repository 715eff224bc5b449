#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# internal - a program that is not what the rules say is never written
#
# From the build directory; needs no privilege. tests/cli/skpolc-wrong is skpolc
# with a fault in its last stage (wrong_layout.c): the proof must find it, exit
# with 4, print a packet that differs, and leave files as they were.
set -eu

wrong=$PWD/tests/cli/skpolc-wrong
PATH=$PWD:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >web.skl <<'EOP'
policy web
socket web tcp
http: tcp port 443 -> web
default -> drop
EOP

# refuses HOW COMMAND...: exit status 4, an internal error, no output
refuses() {
	how=$1
	shift
	status=0
	SKPOL_WRONG=$how "$wrong" "$@" >stdout 2>stderr || status=$?
	if [ "$status" != 4 ] || [ -s stdout ] ||
		! grep -q '^error\[internal\]: \|"name": "internal"' stderr
	then
		echo "$how, $*: status $status"
		cat stdout stderr
		exit 1
	fi
}

# without a fault it is skpolc
skpolc web.skl -o good.o
"$wrong" web.skl -o same.o
cmp good.o same.o

for level in 0 1 2; do
	for how in compare unused; do
		refuses "$how" web.skl -o new.o "-O$level"
		cp good.o old.o
		refuses "$how" web.skl -o old.o "-O$level"
		cmp good.o old.o
		refuses "$how" check web.skl "-O$level"
		refuses "$how" web.skl -o - "-O$level"
		refuses "$how" web.skl --emit=asm "-O$level"
	done
done
[ ! -e new.o ]
[ -z "$(find . -name '.policy-*' -o -name '*.tmp*')" ]

# the witness is a packet of which the rules and the good program say so
refuses compare web.skl -o new.o
packet=$(sed -n 's/.*= note: \(.*\): the rules say \([a-z]*\),.*/\1 => \2/p' \
	stderr)
echo "$packet" >witness.pkt
skpolc verdicts web.skl witness.pkt --engine=rules >rules
skpolc verdicts good.o witness.pkt >bytes
cmp rules bytes
grep -q ' => web$\| => drop$' rules
grep -q 'this is a fault of skpolc: please report it' stderr

# the same for editors
refuses compare check web.skl --diagnostics=json
grep -q '"note": "tcp ' stderr
echo "witness: $packet"
