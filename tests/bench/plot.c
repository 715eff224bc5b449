/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plot FILE.json FOLDER - draws what bench measured
 *
 * Exit status: 0 done, 1 the file is no bench.json, 2 usage, 3 a picture cannot
 * be written.
 */
#include "plot.h"

#include <stdlib.h>
#include <string.h>

const struct series plot_series[PLOT_SERIES] = {
	{ "O2", "skpol", "#1b6ca8" },
	{ "O1", "compares only (-O1)", "#5fae57" },
	{ "trie", "longest-prefix trie", "#c0392b" },
	{ "hash", "hash map of addresses", "#8e6bb0" },
	{ "chain", "chain of compares", "#d08a1d" },
};

void plot_begin(FILE *f, int width, int height)
{
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\""
		"sans-serif\" font-size=\"12\">\n<rect width=\"%d\" "
		"height=\"%d\" fill=\"#ffffff\"/>\n", width, height, width,
		height, width, height);
}

void plot_end(FILE *f)
{
	fprintf(f, "</svg>\n");
}

void plot_text(FILE *f, double x, double y, const char *anchor,
	       const char *text)
{
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" "
		"fill=\"#222222\">", x, y, anchor);
	for (; *text; text++)
		if (*text == '<' || *text == '&')
			fprintf(f, *text == '<' ? "&lt;" : "&amp;");
		else
			fputc(*text, f);
	fprintf(f, "</text>\n");
}

void plot_line(FILE *f, double x1, double y1, double x2, double y2,
	       const char *colour)
{
	fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
		"stroke=\"%s\"/>\n", x1, y1, x2, y2, colour);
}

static bool is(const json_t *row, const char *key, const char *value)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s && !strcmp(s, value);
}

const json_t *plot_row(const json_t *rows, const char *set,
		       const char *stream)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (is(row, "kind", "lookup") && is(row, "set", set) &&
		    is(row, "stream", stream))
			return row;
	return NULL;
}

bool plot_ns(const json_t *row, const char *column, double *ns)
{
	const json_t *v = json_object_get(json_object_get(row, "ns"), column);

	*ns = json_number_value(v);
	return json_is_number(v);
}

static int draw(const char *folder, const char *name, const json_t *rows,
		void (*picture)(FILE *f, const json_t *rows))
{
	char path[4096], part[4096 + 8];
	bool bad;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(part, sizeof(part), "%s.part", path);
	f = fopen(part, "w");
	if (!f) {
		perror(part);
		return 3;
	}
	picture(f, rows);
	bad = ferror(f);
	if (!fclose(f) && !bad && !rename(part, path))
		return 0;
	perror(path);
	remove(part);
	return 3;
}

int main(int argc, char **argv)
{
	json_error_t error;
	json_t *all, *rows;
	int status;

	if (argc != 3) {
		fprintf(stderr, "usage: plot FILE.json FOLDER\n");
		return 2;
	}
	all = json_load_file(argv[1], 0, &error);
	rows = json_object_get(all, "rows");
	if (!json_is_array(rows)) {
		fprintf(stderr, "plot: %s: %s\n", argv[1],
			all ? "no rows" : error.text);
		return 1;
	}
	status = draw(argv[2], "sizes.svg", rows, plot_sizes);
	if (!status)
		status = draw(argv[2], "bars.svg", rows, plot_bars);
	json_decref(all);
	return status;
}
