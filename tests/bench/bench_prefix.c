/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_prefix - workloads of the kind `tcp -> map`, by the local address
 *
 * In: a number of prefixes to make up, or lists. Out: the policy, its prefixes
 * in order, and for any packet the label of the longest one, found by asking
 * for every length there is.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../../grammar/print.h"
#include "../random/world.h"
#include "bench.h"

enum { LABELS = 16, LINE_BYTES = 256 };

static u128 mask(unsigned int family, unsigned int length)
{
	unsigned int bits = family == 4 ? 32 : 128;
	u128 all = family == 4 ? 0xffffffff : ~(u128)0;

	return !length ? 0 : all >> (bits - length) << (bits - length);
}

static int compare(const void *a, const void *b)
{
	const struct bench_prefix *x = a, *y = b;

	if (x->family != y->family)
		return x->family - y->family;
	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	return x->length - y->length;
}

/* Of equal prefixes the first of the list stays. */
static size_t sort_prefixes(struct bench_prefix *v, size_t n)
{
	size_t kept = 0;

	qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n; i++)
		if (!i || compare(&v[i], &v[kept - 1]))
			v[kept++] = v[i];
	return kept;
}

/* ---------------------------------------------------------------- labels */

uint16_t workload_label(struct workload *w, const char *name)
{
	for (size_t i = 0; i < w->nlabels; i++)
		if (!strcmp(w->labels[i], name))
			return (uint16_t)i;
	w->labels = realloc(w->labels, (w->nlabels + 1) * sizeof(*w->labels));
	w->labels[w->nlabels] = strdup(name);
	return (uint16_t)w->nlabels++;
}

/* s0 to s13, pass, drop */
static void sixteen_labels(struct workload *w)
{
	char name[8];

	for (int i = 0; i < LABELS - 2; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		workload_label(w, name);
	}
	workload_label(w, "pass");
	workload_label(w, "drop");
}

/* A country or a company as the name of a socket. */
static uint16_t list_label(struct workload *w, const char *word)
{
	char name[64] = "of_";
	size_t n = 3;

	for (; *word && n < sizeof(name) - 1; word++)
		name[n++] = isalnum((unsigned char)*word) ? *word : '_';
	name[n] = '\0';
	return workload_label(w, name);
}

/* ---------------------------------------------------------------- policy */

static bool is_socket(const char *label)
{
	return strcmp(label, "pass") && strcmp(label, "drop");
}

static void write_policy(struct workload *w)
{
	FILE *f = open_memstream(&w->text, &w->size);
	char address[46];

	fprintf(f, "policy bench\n");
	for (size_t i = 0; i < w->nlabels; i++)
		if (is_socket(w->labels[i]))
			fprintf(f, "socket %s tcp\n", w->labels[i]);
	fprintf(f, "map m by to {\n");
	for (size_t i = 0; i < w->entries; i++) {
		const struct bench_prefix *p = &w->prefixes[i];

		fprintf(f, "%s/%u -> %s\n", print_address(address, p->family,
							  p->low),
			p->length, w->labels[p->label]);
	}
	fprintf(f, "}\ntcp -> map m\ndefault -> pass\n");
	fclose(f);
}

/* ---------------------------------------------------------------- random */

/* /24, or /28 where there are not enough; of IPv6 /48 in 2000::/3. */
static struct bench_prefix random_prefix(struct random *r, unsigned int family,
					 size_t n)
{
	unsigned int length = family == 6 ? 48 : n > 500000 ? 28 : 24;
	u128 low = random_address(r, family) & mask(family, length);

	if (family == 6)
		low = (low & ~((u128)7 << 125)) | (u128)1 << 125;
	return (struct bench_prefix){
		.family = (uint8_t)family, .length = (uint8_t)length,
		.low = low, .label = (uint16_t)random_below(r, LABELS),
	};
}

void workload_random(struct workload *w, unsigned int family, size_t n)
{
	struct random r = random_new(n + family);

	sixteen_labels(w);
	w->prefixes = calloc(n, sizeof(*w->prefixes));
	while (w->entries < n) {
		for (size_t i = w->entries; i < n; i++)
			w->prefixes[i] = random_prefix(&r, family, n);
		w->entries = sort_prefixes(w->prefixes, n);
	}
	write_policy(w);
}

/* ----------------------------------------------------------------- lists */

/* "192.0.2.0/24" or an address, alone or with a word behind it. */
static bool read_line(struct workload *w, struct random *r, char *line,
		      struct bench_prefix *p)
{
	char address[128], word[64];
	int n = sscanf(line, "%127s %63s", address, word);
	char *slash = n > 0 ? strchr(address, '/') : NULL;
	unsigned int length;
	uint8_t bytes[16];

	if (n < 1)
		return false;
	p->family = strchr(address, ':') ? 6 : 4;
	length = slash ? (unsigned int)atoi(slash + 1) :
		p->family == 4 ? 32 : 128;
	if (slash)
		*slash = '\0';
	if (inet_pton(p->family == 4 ? AF_INET : AF_INET6, address, bytes) != 1)
		return false;
	p->low = 0;
	for (int i = 0; i < (p->family == 4 ? 4 : 16); i++)
		p->low = p->low << 8 | bytes[i];
	p->length = (uint8_t)length;
	p->low &= mask(p->family, length);
	p->label = n == 2 ? list_label(w, word) :
		(uint16_t)random_below(r, LABELS);
	return true;
}

static bool read_list(struct workload *w, struct random *r, const char *path,
		      size_t *room)
{
	char line[LINE_BYTES];
	gzFile f = gzopen(path, "rb");

	while (f && gzgets(f, line, sizeof(line))) {
		if (w->entries == *room) {
			*room = *room ? *room * 2 : 1024;
			w->prefixes = realloc(w->prefixes,
					      *room * sizeof(*w->prefixes));
		}
		if (!read_line(w, r, line, &w->prefixes[w->entries])) {
			fprintf(stderr, "%s: no prefix: %s", path, line);
			break;
		}
		w->entries++;
	}
	if (!f || !gzeof(f)) {
		fprintf(stderr, "bench: cannot read %s\n", path);
		return false;
	}
	return gzclose(f) == Z_OK;
}

bool workload_lists(struct workload *w, const char *const *paths)
{
	struct random r = random_new(4711);
	size_t room = 0;

	sixteen_labels(w);
	for (; *paths; paths++)
		if (!read_list(w, &r, *paths, &room))
			return false;
	w->entries = sort_prefixes(w->prefixes, w->entries);
	write_policy(w);
	return true;
}

/* -------------------------------------------------------------- reference */

uint16_t workload_longest(struct workload *w, const struct packet *p)
{
	int length = p->family == 4 ? 32 : 128;

	for (; length >= 0 && p->protocol == PACKET_TCP; length--) {
		struct bench_prefix key = {
			.family = p->family, .length = (uint8_t)length,
			.low = p->local & mask(p->family, (unsigned int)length),
		};
		const struct bench_prefix *found =
			bsearch(&key, w->prefixes, w->entries, sizeof(key),
				compare);

		if (found)
			return found->label;
	}
	return workload_label(w, "pass");
}
