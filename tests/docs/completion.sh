#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# completion - what bash offers behind a few words is what the command takes
set -eu

src=$(realpath "$(dirname "$0")/../..")
PATH=$PWD:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
touch edge.skl
# shellcheck source=docs/completion/skpol disable=SC1091
. "$src/docs/completion/skpol"

# offers WANT WORD...: WANT is among what is offered for the last WORD
offered() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_skpol
	printf '%s\n' "${COMPREPLY[@]}"
}

offers() {
	local want=$1
	shift
	offered "$@" >list
	grep -qxF -e "$want" list || { echo "no $want for: $*"; exit 1; }
}

offers_not() {
	local want=$1
	shift
	offered "$@" >list
	! grep -qxF -e "$want" list || { echo "$want for: $*"; exit 1; }
}

offers apply skpol ap
offers remove skpol --netns web ''
offers_not remove skpol status re
offers --require-sockets skpol apply --r
offers --netns skpol apply --n
offers_not --pid skpol apply --p
offers --pid skpol register web --p
offers edge.skl skpol apply ed
offers_not edge.skl skpol ed
offers edge.skl skpolc ed
offers diff skpolc di
offers edge.skl skpolc diff edge.skl ''
offers --target-kernel skpolc --t
offers --report skpolc check --r
# every verb of the two
for command in skpol skpolc; do
	"$command" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' |
		grep -vx with >verbs
	while read -r verb; do
		offers "$verb" "$command" "${verb:0:2}"
	done <verbs
	[ "$(wc -l <verbs)" -gt 5 ]
done
