/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_file - a workload that lies in files
 *
 * In: NAME.skl, NAME.pkt with the verdict of each packet, and NAME.s where
 * somebody wrote the program by hand. Packets of an interface are left out: the
 * kernel runs none on demand.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* malloc'ed, a zero behind it; NULL when it cannot be read. */
static char *read_whole(const char *path, size_t *size)
{
	FILE *f = fopen(path, "r"), *out;
	char *text = NULL, part[65536];
	size_t n;

	if (!f)
		return NULL;
	out = open_memstream(&text, size);
	while ((n = fread(part, 1, sizeof(part), f)))
		fwrite(part, 1, n, out);
	fclose(f);
	fclose(out);
	return text;
}

/* PATH with another suffix. */
static char *beside(const char *path, const char *suffix)
{
	size_t stem = strlen(path) - strlen(".skl");
	char *other;

	if (asprintf(&other, "%.*s%s", (int)stem, path, suffix) < 0)
		abort();
	return other;
}

static bool add_packet(struct workload *w, const char *line, size_t len,
		       size_t *room)
{
	char expected[64], error[PACKET_ERROR_MAX];
	struct packet p;
	bool has;

	if (!packet_parse_line(line, len, &p, &has, expected, error)) {
		fprintf(stderr, "bench: %s\n", error);
		return false;
	}
	if (!has || p.ifindex || p.ifname[0])
		return true;
	if (w->ntrace == *room) {
		*room = *room ? *room * 2 : 1024;
		w->trace = realloc(w->trace, *room * sizeof(*w->trace));
		w->trace_labels = realloc(w->trace_labels, *room *
					  sizeof(*w->trace_labels));
	}
	w->trace[w->ntrace] = p;
	w->trace_labels[w->ntrace++] = expected[0] ?
		workload_label(w, expected) : NO_LABEL_KNOWN;
	return true;
}

static bool read_packets(struct workload *w, const char *text)
{
	size_t room = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (!add_packet(w, text, len, &room))
			return false;
		text += len + (text[len] == '\n');
	}
	return w->ntrace;
}

/* Rules and entries, near enough: lines that lead somewhere. */
static size_t count_entries(const char *text)
{
	size_t n = 0;

	while ((text = strstr(text, "->"))) {
		n++;
		text += 2;
	}
	return n;
}

bool workload_file(struct workload *w, const char *path)
{
	char *packets = beside(path, ".pkt"), *hand = beside(path, ".s");
	char *text;
	size_t size;

	w->path = path;
	w->text = read_whole(path, &w->size);
	text = read_whole(packets, &size);
	w->hand = read_whole(hand, &size);
	if (!w->text || !text || !read_packets(w, text)) {
		fprintf(stderr, "bench: cannot read %s and its packets\n",
			path);
		return false;
	}
	w->entries = count_entries(w->text);
	free(text);
	free(packets);
	free(hand);
	return true;
}
