/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench - what the files of the benchmark share
 *
 * A workload is a policy and packets that ask for it. Its packets are put as
 * streams: the same one over and over (hot), by Zipf's law (skewed), all alike
 * (uniform), or as a trace has them. A program is one answer to the question
 * which verdict a packet has: ours at some -O, a trie, a hash map, a chain of
 * compares, somebody's own assembly, or an empty one, whose time is subtracted
 * from that of the others.
 *
 * Every program is loaded twice. One takes its packet from a map, the next of
 * the stream on each run, so that one call of the kernel does a million. The
 * other takes the context that the kernel hands it, as when it is deployed.
 * Both leave what they found in that map, where it is checked.
 */
#ifndef SKPOL_TESTS_BENCH_H
#define SKPOL_TESTS_BENCH_H

#include <jansson.h>

#include "../../compiler/code.h"
#include "../../compiler/compile.h"
#include "../../compiler/rodata.h"

double bench_now(void);			/* seconds */

/* ------------------------------------------------------------ workloads */

struct bench_prefix {			/* of local addresses */
	u128 low;
	uint8_t family, length;
	uint16_t label;
};

struct workload {
	const char *name;
	const char *path;		/* of the policy; NULL = TEXT alone */
	char *text;
	size_t size, entries;
	const char **labels;		/* names of verdicts */
	size_t nlabels;
	struct bench_prefix *prefixes;	/* sorted; NULL = none */
	struct packet *trace;		/* then these, with their verdicts */
	uint16_t *trace_labels;
	size_t ntrace;
	char *hand;			/* assembly for it, or NULL */
};

enum { NO_LABEL_KNOWN = UINT16_MAX };
uint16_t workload_label(struct workload *w, const char *name);	/* adds it */

/* bench_prefix.c: tcp to prefixes, by one map. PATHS: of gzipped lists. */
void workload_random(struct workload *w, unsigned int family, size_t n);
/* False, with why on stderr, when a list cannot be read. */
bool workload_lists(struct workload *w, const char *const *paths);
/* The label of the longest prefix of P; that of `pass` where there is none. */
uint16_t workload_longest(struct workload *w, const struct packet *p);

/* bench_file.c: FILE.skl, FILE.pkt and, if it is there, FILE.s */
bool workload_file(struct workload *w, const char *path);

/* -------------------------------------------------------------- streams */

enum { STREAM = 1 << 14 };		/* packets */
enum stream_kind { STREAM_HOT, STREAM_SKEWED, STREAM_UNIFORM, STREAM_TRACE,
		   STREAM_COLD, STREAM_EVICTED, STREAM_KINDS };

struct stream {
	enum stream_kind kind;
	struct packet packets[STREAM];
	uint16_t expected[STREAM];	/* labels */
};

const char *stream_name(enum stream_kind kind);
bool stream_fits(const struct workload *w, enum stream_kind kind);
void stream_fill(struct stream *s, struct workload *w, enum stream_kind kind);

/* ------------------------------------------------------------- programs */

enum { STRIDE = 128, ANSWER_AT = 64, PACKETS_AT = 128 };
enum { NO_ANSWER = UINT32_MAX };

struct stream_map {		/* the value of the map, in our memory */
	uint64_t next;			/* bytes behind the first packet, at first */
	uint8_t pad[ANSWER_AT - 8];
	uint32_t answer;
	uint8_t pad2[PACKETS_AT - ANSWER_AT - 4];
	uint8_t packets[STREAM][STRIDE];	/* struct bpf_sk_lookup */
};

struct bench_packets {
	int fd;
	struct stream_map *map;
};

bool packets_open(struct bench_packets *k);
void packets_put(struct bench_packets *k, const struct stream *s);

/* Where a program lies in memory makes up to a nanosecond: small ones are there
 * some times, and the least counts. */
enum { BENCH_COPIES = 12, COPIED_MAX = 1000 };	/* instructions */

/*
 * An answer is an index into LABELS, of the packet's kind where BY_KIND (tcp4,
 * tcp6, udp4, udp6 side by side). No answer: what it returned decides.
 */
struct bench_program {
	const char *name;		/* of its column */
	int from_map, from_context;	/* the program, -1 = none */
	int again[BENCH_COPIES - 1];	/* of a small one the latter; 0 = none */
	int rodata, counters, other;	/* maps */
	uint16_t *labels;
	size_t nlabels;
	bool by_kind;
	size_t ninsns, rodata_size;
	double load_seconds;
};

/* What the code of every program begins with: r6 = the packet. */
void bench_prologue(void *ctx, struct code *c, struct rodata *r);
/* r7 is the answer, and the program ends. */
void bench_epilogue(void *ctx, struct code *c);

/*
 * An image whose code begins with the prologue. OTHER: a map that stands for
 * IMAGE_SOCKETS, or -1; it is the program's from then on. False, with a
 * sentence on stderr, when the kernel refuses it; where it refuses only the one
 * that reads the stream from a map, from_map is -1.
 */
bool bench_load(struct bench_program *p, struct image *m,
		const struct bench_packets *k, int other);
void bench_close(struct bench_program *p);

/* One run, or REPEAT of them, of FD: its return value, or -1. */
int bench_run(int fd, const void *context, uint32_t repeat, uint32_t *ns);

/* The programs: false = there is none for this workload. */
bool bench_ours(struct bench_program *p, struct workload *w,
		const struct bench_packets *k, unsigned int optimize);
/* -O2 for the kernel of this machine, of large programs. */
bool bench_native(struct bench_program *p, struct workload *w,
		  const struct bench_packets *k);
bool bench_empty(struct bench_program *p, struct workload *w,
		 const struct bench_packets *k);
bool bench_trie(struct bench_program *p, struct workload *w,
		const struct bench_packets *k);
bool bench_hash(struct bench_program *p, struct workload *w,
		const struct bench_packets *k);
bool bench_chain(struct bench_program *p, struct workload *w,
		 const struct bench_packets *k);
bool bench_hand(struct bench_program *p, struct workload *w,
		const struct bench_packets *k);
/* The hash map needs the addresses of every stream that is put. */
void bench_hash_fill(struct bench_program *p, struct workload *w,
		     const struct stream *s);

/* ------------------------------------------------------------ measuring */

struct effort {
	unsigned int rounds;		/* warm: without a better one */
	unsigned int call_us;		/* warm: how long one takes */
	unsigned int samples;		/* cold: of each program in a round */
	unsigned int checks;		/* verdicts that are looked at */
};

/* Whether P takes part in streams of that kind. */
bool bench_takes(const struct bench_program *p, enum stream_kind kind);
/* Answers of P that are not what the stream expects. */
size_t bench_wrong(const struct bench_program *p, struct workload *w,
		   const struct bench_packets *k, const struct stream *s,
		   unsigned int checks);
/*
 * NS[i]: of V[i], net of V[0]. Programs take turns, so that what disturbs one
 * disturbs all; cold, each with the empty one only, or it would find the caches
 * as the largest has left them.
 */
void bench_warm(const struct bench_program *v, size_t n,
		struct bench_packets *k, bool hot, const struct effort *e,
		double *ns);
void bench_cold(const struct bench_program *v, size_t n,
		struct bench_packets *k, bool evict,
		const struct effort *e, double *ns);

/* ------------------------------------------------------------ compiling */

struct cost {
	unsigned int optimize;
	double compile, load;		/* seconds */
	double mib;			/* peak memory of skpolc */
	size_t object, insns, tables;
	char failed[160];		/* why, or "" */
};

/* By skpolc as a user runs it, in FOLDER; for at most LIMIT seconds. */
void cost_measure(struct cost *c, const struct workload *w, const char *folder,
		  unsigned int optimize, unsigned int limit);

/* ------------------------------------------------------------ reporting */

/* A row as it is kept in the JSON file, and as it is printed. */
json_t *cost_row(const struct workload *w, const struct cost *c);
json_t *lookup_row(const struct workload *w, const struct stream *s,
		   const struct bench_program *v, size_t n, const double *ns,
		   size_t wrong);
void report_row(const json_t *row);
void report_kind(const json_t *rows, const char *kind);
/* bench_goal.c: a row for each goal that these rows say something about. */
void goals_add(json_t *rows);
bool report_write(const char *path, json_t *rows);

#endif
