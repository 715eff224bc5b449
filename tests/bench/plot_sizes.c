/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plot_sizes - ns a look-up by the number of prefixes, both on log scales
 *
 * Two panels of one scale: a uniform stream with warm caches, and the caches
 * evicted before each look-up.
 */
#include <math.h>

#include "plot.h"

enum {
	WIDTH = 880, HEIGHT = 400, PANEL = 380, LEFT = 60, TOP = 60,
	DEEP = 250, GAP = 40, DECADES_X = 6, DECADES_Y = 4,
};

struct panel {
	FILE *f;
	double left;
	const json_t *rows;
	const char *stream;
};

static double at_x(const struct panel *p, double n)
{
	return p->left + log10(n) * PANEL / DECADES_X;
}

/* Below a nanosecond is at the bottom. */
static double at_y(double ns)
{
	double decades = log10(ns > 1 ? ns : 1);

	if (decades > DECADES_Y)
		decades = DECADES_Y;
	return TOP + DEEP - decades * DEEP / DECADES_Y;
}

static void grid(const struct panel *p, const char *title)
{
	static const char *const sizes[] = { "1", "10", "100", "1k", "10k",
					     "100k", "1M" };
	static const char *const times[] = { "1", "10", "100", "1000",
					     "10000" };

	for (int i = 0; i <= DECADES_X; i++) {
		double x = at_x(p, pow(10, i));

		plot_line(p->f, x, TOP, x, TOP + DEEP, "#dddddd");
		plot_text(p->f, x, TOP + DEEP + 18, "middle", sizes[i]);
	}
	for (int i = 0; i <= DECADES_Y; i++) {
		double y = at_y(pow(10, i));

		plot_line(p->f, p->left, y, p->left + PANEL, y, "#dddddd");
		if (p->left == LEFT)
			plot_text(p->f, p->left - 6, y + 4, "end", times[i]);
	}
	plot_text(p->f, p->left + PANEL / 2.0, TOP - 10, "middle", title);
}

static void curve(const struct panel *p, const struct series *s)
{
	char set[32];
	bool begun = false;

	fprintf(p->f, "<path fill=\"none\" stroke-width=\"2\" stroke=\"%s\" "
		"d=\"", s->colour);
	for (long n = 1; n <= 1000000; n *= 10) {
		double ns;

		snprintf(set, sizeof(set), "random4/%ld", n);
		if (!plot_ns(plot_row(p->rows, set, p->stream), s->column,
			     &ns))
			continue;
		fprintf(p->f, "%s%.1f %.1f", begun ? " L" : "M",
			at_x(p, (double)n), at_y(ns));
		begun = true;
	}
	fprintf(p->f, "%s\"/>\n", begun ? "" : "M0 0");
}

static void legend(FILE *f)
{
	double x = LEFT;

	for (int i = 0; i < PLOT_SERIES; i++) {
		fprintf(f, "<rect x=\"%.1f\" y=\"%d\" width=\"12\" height=\""
			"12\" fill=\"%s\"/>\n", x, HEIGHT - 32,
			plot_series[i].colour);
		plot_text(f, x + 18, HEIGHT - 22, "start",
			  plot_series[i].title);
		x += i ? 175 : 90;
	}
}

void plot_sizes(FILE *f, const json_t *rows)
{
	struct panel panels[] = {
		{ f, LEFT, rows, "uniform" },
		{ f, LEFT + PANEL + GAP, rows, "evicted" },
	};
	const char *const titles[] = { "random addresses, caches warm",
				       "caches evicted before each look-up" };

	plot_begin(f, WIDTH, HEIGHT);
	plot_text(f, 10, 24, "start", "ns a look-up, by number of IPv4 "
		  "prefixes (net of an empty program)");
	for (int i = 0; i < 2; i++) {
		grid(&panels[i], titles[i]);
		for (int k = 0; k < PLOT_SERIES; k++)
			curve(&panels[i], &plot_series[k]);
	}
	legend(f);
	plot_end(f);
}
