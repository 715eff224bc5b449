# SPDX-License-Identifier: BSD-2-Clause
#
# insert.awk DIAG.DEF PAGE.SCD - the page, with every diagnostic of the one list
# in place of the comments `; errors` and `; warnings`
FNR == NR {
	if (split($0, part, "\"") == 5 && /^DIAG\(/)
		list[/, WARNING, /] = list[/, WARNING, /] \
			"*" part[2] "*\n\t" part[4] "\n\n"
	next
}
/^; errors$/ { printf "%s", list[0]; next }
/^; warnings$/ { printf "%s", list[1]; next }
{ print }
