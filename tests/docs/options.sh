#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# options - the man pages tell every verb and option that a command has, and no
# other; skl(5) tells every word of the language
set -eu

src=$(realpath "$(dirname "$0")/../..")
PATH=$PWD:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# options: the long options in a text, one a line
options() {
	grep -Eo '(^|[^-a-z0-9])--[a-z][-a-z0-9]*' | grep -Eo -e '--.*' | sort -u
}

# verbs: of a help text, those with an argument or without
verbs() {
	sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | grep -vx with | sort
}

for page in skpolc.1 skpol.8; do
	"${page%.*}" --help | verbs >"$work/has"
	sed -n '/^# COMMANDS/,/^# OPTIONS/p' "$src/docs/man/$page.scd" |
		sed -n '/^# PRIV/,$d; s/^\*\([a-z]*\)\*.*/\1/p' |
		sort >"$work/told"
	diff -u --label "$page" --label "${page%.*} --help" \
		"$work/told" "$work/has"
	"${page%.*}" --help | options >"$work/has"
	options <"$src/docs/man/$page.scd" >"$work/told"
	diff -u --label "$page" --label "${page%.*} --help" \
		"$work/told" "$work/has"
done
sed -n 's/^KEYWORD(.*"\(.*\)")$/\1/p' "$src/grammar/keyword.def" |
	sort >"$work/has"
sed -n '/^	\*any at/,/\*$/p' "$src/docs/man/skl.5.scd" | tr -d '*' |
	xargs -n 1 | sort >"$work/told"
diff -u --label 'skl.5' --label keyword.def "$work/told" "$work/has"
