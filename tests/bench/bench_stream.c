/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_stream - the packets that a workload is asked, in which order
 *
 * In: a workload, a kind. Out: STREAM packets with the labels expected, the
 * same each time. Cold and evicted are uniform streams, or traces shuffled:
 * what differs is how they are run.
 */
#include <math.h>
#include <string.h>

#include "../random/world.h"
#include "bench.h"

const char *stream_name(enum stream_kind kind)
{
	static const char *const names[STREAM_KINDS] = {
		"hot", "skewed", "uniform", "trace", "cold", "evicted",
	};

	return names[kind];
}

bool stream_fits(const struct workload *w, enum stream_kind kind)
{
	if (kind == STREAM_TRACE)
		return w->ntrace;
	return w->prefixes || (kind != STREAM_SKEWED && kind != STREAM_UNIFORM);
}

/* A rank by Zipf's law with exponent 1, by inversion of its integral. */
static size_t zipf(struct random *r, size_t n)
{
	double u = (double)(random_next(r) >> 11) / 9007199254740992.0;
	size_t rank = (size_t)(pow((double)n + 1, u) - 1);

	return rank < n ? rank : n - 1;
}

/* Of N things, which comes next. */
static size_t pick(struct random *r, enum stream_kind kind, size_t i, size_t n)
{
	switch (kind) {
	case STREAM_HOT:
		return n / 2;
	case STREAM_SKEWED:
		return zipf(r, n) * 7919 % n;
	case STREAM_TRACE:
		return i % n;
	default:
		return random_below(r, (uint32_t)n);
	}
}

static struct packet inside(const struct bench_prefix *p, u128 low_bits)
{
	unsigned int bits = (p->family == 4 ? 32 : 128) - p->length;
	u128 host = bits == 128 ? ~(u128)0 : ((u128)1 << bits) - 1;

	return (struct packet){
		.family = p->family, .protocol = PACKET_TCP,
		.local_port = 443, .remote_port = 50000,
		.local = p->low | (low_bits & host),
		.remote = p->family == 4 ? 0xc6336407 :
			(u128)0x20010db8 << 96 | 7,
	};
}

void stream_fill(struct stream *s, struct workload *w, enum stream_kind kind)
{
	struct random r = random_new(77 + (uint64_t)kind);
	size_t n = w->prefixes ? w->entries : w->ntrace;

	s->kind = kind;
	for (size_t i = 0; i < STREAM; i++) {
		size_t at = pick(&r, kind, i, n);
		u128 host = kind == STREAM_HOT ? 1 : random_address(&r, 6);

		if (w->prefixes) {
			s->packets[i] = inside(&w->prefixes[at], host);
			s->expected[i] = workload_longest(w, &s->packets[i]);
		} else {
			s->packets[i] = w->trace[at];
			s->expected[i] = w->trace_labels[at];
		}
	}
}
