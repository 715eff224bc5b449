/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plot_bars - ns a look-up in sets from life: tables, maps, firewall rules
 *
 * A group for each set, a bar for each program that can do it, on one linear
 * scale. Warm: the uniform stream, or the set's own trace.
 */
#include <string.h>

#include "plot.h"

enum {
	WIDTH = 880, LEFT = 150, LONGEST = 600, BAR = 12, GROUP_GAP = 10,
	TOP = 50, DRAWN = 3,		/* of the series */
};

static bool from_life(const char *set)
{
	return strncmp(set, "random", 6) && strncmp(set, "hand/", 5);
}

static bool is_warm(const json_t *row)
{
	const char *set = json_string_value(json_object_get(row, "set"));
	const char *stream = json_string_value(json_object_get(row, "stream"));

	return stream && from_life(set) && (!strcmp(stream, "uniform") ||
					    !strcmp(stream, "trace"));
}

static double longest(const json_t *rows)
{
	double most = 1, ns;
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		for (int k = 0; is_warm(row) && k < DRAWN; k++)
			if (plot_ns(row, plot_series[k].column, &ns) &&
			    ns > most)
				most = ns;
	return most;
}

static double group(FILE *f, const json_t *row, double y, double scale)
{
	const char *set = json_string_value(json_object_get(row, "set"));
	double first = y, ns;
	char text[32];

	if (!strncmp(set, "classbench/", 11))
		set += 11;
	for (int k = 0; k < DRAWN; k++) {
		if (!plot_ns(row, plot_series[k].column, &ns))
			continue;
		fprintf(f, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\""
			"%d\" fill=\"%s\"/>\n", LEFT, y,
			ns > 0 ? ns * scale : 0, BAR - 2,
			plot_series[k].colour);
		snprintf(text, sizeof(text), "%.1f", ns);
		plot_text(f, LEFT + (ns > 0 ? ns * scale : 0) + 5,
			  y + BAR - 2, "start", text);
		y += BAR;
	}
	plot_text(f, LEFT - 8, (first + y) / 2 + 3, "end", set);
	return y + GROUP_GAP;
}

static double height(const json_t *rows)
{
	const json_t *row;
	double y = TOP, ns;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (!is_warm(row))
			continue;
		for (int k = 0; k < DRAWN; k++)
			if (plot_ns(row, plot_series[k].column, &ns))
				y += BAR;
		y += GROUP_GAP;
	}
	return y + 10;
}

void plot_bars(FILE *f, const json_t *rows)
{
	double y = TOP, scale = LONGEST / longest(rows), x = LEFT;
	const json_t *row;
	size_t i;

	plot_begin(f, WIDTH, (int)height(rows));
	plot_text(f, 10, 18, "start", "ns a look-up, warm caches, net of an "
		  "empty program");
	for (int k = 0; k < DRAWN; k++) {
		fprintf(f, "<rect x=\"%.1f\" y=\"26\" width=\"12\" height=\""
			"12\" fill=\"%s\"/>\n", x, plot_series[k].colour);
		plot_text(f, x + 18, 36, "start", plot_series[k].title);
		x += 175;
	}
	json_array_foreach(rows, i, row)
		if (is_warm(row))
			y = group(f, row, y, scale);
	plot_end(f);
}
