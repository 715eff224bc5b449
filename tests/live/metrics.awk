# SPDX-License-Identifier: BSD-2-Clause
#
# metrics - is this text what Prometheus (or, with -v openmetrics=1, OpenMetrics)
# reads? Stricter than either: every family has HELP and TYPE, in this order,
# before its samples, which stand together; values are whole numbers.
function fault(what) {
	printf "line %d: %s: %s\n", NR, what, $0
	bad = 1
}

# The family that a sample of this name belongs to
function family_of(name) {
	if (type == "counter" && openmetrics && !sub(/_total$/, "", name))
		fault("a counter that does not end in _total")
	if (type == "info" && !sub(/_info$/, "", name))
		fault("an info that does not end in _info")
	return name
}

BEGIN {
	label = "[a-z_][a-z0-9_]*=\"([^\"\\\\\n]|\\\\[n\\\\\"])*\""
	sample = "^[a-z_]+(\\{" label "(," label ")*\\})? [0-9]+$"
}
ended { fault("a line behind # EOF") }
/^# HELP [a-z_]+ [A-Z].*\.$/ {
	family = $3
	type = ""
	if (family in known)
		fault("a second HELP")
	known[family]
	next
}
/^# TYPE [a-z_]+ (gauge|counter|info)$/ {
	if ($3 != family || type != "")
		fault("a TYPE without its HELP")
	type = $4
	if (type == "info" && !openmetrics)
		fault("a type that Prometheus does not have")
	if ((type == "counter" && !openmetrics) != (family ~ /_total$/))
		fault("_total is for counters")
	next
}
openmetrics && /^# UNIT [a-z_]+ seconds$/ {
	if ($3 != family || family !~ /_seconds$/)
		fault("a UNIT that is not in the name")
	next
}
openmetrics && /^# EOF$/ { ended = 1; next }
$0 ~ sample {
	name = $0
	sub(/[{ ].*/, "", name)
	if (family_of(name) != family || type == "")
		fault("a sample outside of its family")
	series = $0
	sub(/ [0-9]+$/, "", series)
	if (series in seen)
		fault("a second sample of a series")
	seen[series]
	n++
	next
}
{ fault("neither a comment nor a sample") }
END {
	if (openmetrics && !ended) {
		print "no # EOF"
		bad = 1
	}
	print n + 0, "samples"
	exit bad
}
