/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_other - what one would write without skpol
 *
 * The longest-prefix trie as it is deployed: two look-ups a packet, for the
 * exact port and for any; key: protocol, port, 16 bytes of address. A hash map
 * of whole addresses, one look-up: it can hold no prefixes, and is here as the
 * price of a map alone. A chain of compares, the longest prefix first. And the
 * empty program. Their answer is the label.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "../../compiler/assemble.h"
#include "../../compiler/layout.h"
#include "bench.h"

struct trie_key {
	uint32_t length;	/* bits after this word */
	uint8_t protocol, zero;
	uint16_t port;		/* host order; 0 = any */
	uint8_t address[16];	/* IPv4 in ::ffff:0:0/96 */
};

enum {
	KEY = -32, BEFORE_ADDRESS = 32,	/* in the stack; bits */
	CHAIN_MAX = 1000, TCP = 6, FAMILY_IP6 = 10,
};

/* ------------------------------------------------------ any of them */

/* R0 points to what was found, if anything: its number is the answer. */
static void emit_found(struct code *c, label found)
{
	emit_alu32_imm(c, BPF_MOV, BPF_REG_0, 1);
	emit_exit(c);
	code_place(c, found);
	emit_load(c, BPF_W, BPF_REG_7, BPF_REG_0, 0);
	bench_epilogue(NULL, c);
}

struct maker {			/* of one program's code */
	struct workload *w;
	struct arena *arena;
	struct code code;
};

typedef bool body(struct maker *m);

static bool make(struct bench_program *p, struct workload *w,
		 const struct bench_packets *k, int map, body *emit_body)
{
	struct layout_options o = { 0, true };
	struct place nowhere[1] = { { 0, 0, 0 } };
	struct image image = { 0 };
	struct arena a;
	bool done;

	arena_init(&a, NULL);
	struct maker m = { .w = w, .arena = &a };
	code_init(&m.code, &a);
	bench_prologue(NULL, &m.code, NULL);
	done = emit_body(&m) &&
		layout(&a, &m.code, &o, nowhere, &image) &&
		bench_load(p, &image, k, map);
	arena_free(&a);
	return done;
}

/* ------------------------------------------------- the trie and the hash */

static void put_address(uint8_t out[16], unsigned int family, u128 v)
{
	if (family == 4)
		v |= (u128)0xffff << 32;
	for (int i = 0; i < 16; i++)
		out[i] = (uint8_t)(v >> (120 - 8 * i));
}

/* The address of the packet r6, in network order, to the stack. */
static void emit_address(struct code *c, int at)
{
	label six = code_label(c), end = code_label(c);

	emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, 8);
	emit_jump32_imm(c, BPF_JEQ, BPF_REG_1, FAMILY_IP6, six);
	emit_store_imm(c, BPF_W, BPF_REG_10, at, 0);
	emit_store_imm(c, BPF_W, BPF_REG_10, at + 4, 0);
	emit_store_imm(c, BPF_W, BPF_REG_10, at + 8, (int32_t)htonl(0xffff));
	emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, 40);
	emit_store(c, BPF_W, BPF_REG_10, at + 12, BPF_REG_1);
	emit_goto(c, end);
	code_place(c, six);
	for (int i = 0; i < 4; i++) {
		emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, 44 + 4 * i);
		emit_store(c, BPF_W, BPF_REG_10, at + 4 * i, BPF_REG_1);
	}
	code_place(c, end);
}

static void emit_lookup(struct code *c, int key)
{
	emit_map(c, BPF_REG_1, IMAGE_SOCKETS, 0);
	emit_alu64(c, BPF_MOV, BPF_REG_2, BPF_REG_10);
	emit_alu64_imm(c, BPF_ADD, BPF_REG_2, key);
	emit_call(c, BPF_FUNC_map_lookup_elem);
}

static bool trie_body(struct maker *m)
{
	struct code *c = &m->code;
	label found = code_label(c);

	emit_store_imm(c, BPF_W, BPF_REG_10, KEY, BEFORE_ADDRESS + 128);
	emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, 12);
	emit_store(c, BPF_H, BPF_REG_10, KEY + 4, BPF_REG_1);
	emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, 60);
	emit_store(c, BPF_H, BPF_REG_10, KEY + 6, BPF_REG_1);
	emit_address(c, KEY + 8);
	emit_lookup(c, KEY);
	emit_jump64_imm(c, BPF_JNE, BPF_REG_0, 0, found);
	emit_store_imm(c, BPF_H, BPF_REG_10, KEY + 6, 0);
	emit_lookup(c, KEY);
	emit_jump64_imm(c, BPF_JNE, BPF_REG_0, 0, found);
	emit_found(c, found);
	return true;
}

bool bench_trie(struct bench_program *p, struct workload *w,
		const struct bench_packets *k)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_NO_PREALLOC);
	int map;

	p->name = "trie";
	if (!w->prefixes)
		return false;
	map = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "trie",
			     sizeof(struct trie_key), 4,
			     (uint32_t)w->entries + 1, &o);
	for (size_t i = 0; i < w->entries && map >= 0; i++) {
		const struct bench_prefix *x = &w->prefixes[i];
		struct trie_key key = { .protocol = TCP };
		uint32_t value = x->label;

		key.length = BEFORE_ADDRESS + x->length +
			(x->family == 4 ? 96 : 0);
		put_address(key.address, x->family, x->low);
		if (bpf_map_update_elem(map, &key, &value, BPF_ANY))
			return false;
	}
	return map >= 0 && make(p, w, k, map, trie_body);
}

static bool hash_body(struct maker *m)
{
	struct code *c = &m->code;
	label found = code_label(c);

	emit_address(c, KEY);
	emit_lookup(c, KEY);
	emit_jump64_imm(c, BPF_JNE, BPF_REG_0, 0, found);
	emit_found(c, found);
	return true;
}

static void hash_add(int map, unsigned int family, u128 address,
		     uint32_t label)
{
	uint8_t key[16];

	put_address(key, family, address);
	bpf_map_update_elem(map, key, &label, BPF_ANY);
}

bool bench_hash(struct bench_program *p, struct workload *w,
		const struct bench_packets *k)
{
	int map;

	p->name = "hash";
	if (!w->prefixes)
		return false;
	map = bpf_map_create(BPF_MAP_TYPE_HASH, "hash", 16, 4,
			     (uint32_t)w->entries + STREAM_KINDS * STREAM,
			     NULL);
	for (size_t i = 0; i < w->entries && map >= 0; i++)
		hash_add(map, w->prefixes[i].family, w->prefixes[i].low,
			 w->prefixes[i].label);
	return map >= 0 && make(p, w, k, map, hash_body);
}

void bench_hash_fill(struct bench_program *p, struct workload *w,
		     const struct stream *s)
{
	(void)w;
	for (size_t i = 0; i < STREAM; i++)
		hash_add(p->other, s->packets[i].family, s->packets[i].local,
			 s->expected[i]);
}

/* -------------------------------------------------------------- the chain */

/* To NEXT unless the words in r1... begin with the prefix. */
static void emit_compare(struct code *c, const struct bench_prefix *p,
			 label next)
{
	unsigned int words = p->family == 4 ? 1 : 4, left = p->length;

	for (unsigned int i = 0; i < words && left; i++) {
		unsigned int bits = left < 32 ? left : 32;
		uint32_t value = (uint32_t)(p->low >> (32 * (words - 1 - i)));
		int word = BPF_REG_1 + (int)i;

		if (bits < 32) {
			emit_alu32(c, BPF_MOV, BPF_REG_7, word);
			emit_alu32_imm(c, BPF_RSH, BPF_REG_7, 32 - bits);
			word = BPF_REG_7;
		}
		emit_jump32_imm(c, BPF_JNE, word, value >> (32 - bits), next);
		left -= bits;
	}
}

static int longest_first(const void *a, const void *b)
{
	const struct bench_prefix *x = a, *y = b;

	return y->length - x->length;
}

static void emit_family(struct maker *m, const struct bench_prefix *v,
			uint8_t family, label answer)
{
	struct code *c = &m->code;
	unsigned int words = family == 4 ? 1 : 4;

	for (unsigned int i = 0; i < words; i++) {
		emit_load(c, BPF_W, BPF_REG_1 + (int)i, BPF_REG_6,
			  family == 4 ? 40 : 44 + 4 * (int)i);
		emit_be(c, BPF_REG_1 + (int)i, 32);
	}
	for (size_t i = 0; i < m->w->entries; i++) {
		label next = code_label(c);

		if (v[i].family != family)
			continue;
		emit_compare(c, &v[i], next);
		emit_alu32_imm(c, BPF_MOV, BPF_REG_7, v[i].label);
		emit_goto(c, answer);
		code_place(c, next);
	}
	emit_alu32_imm(c, BPF_MOV, BPF_REG_0, 1);
	emit_exit(c);
}

static bool chain_body(struct maker *m)
{
	size_t size = m->w->entries * sizeof(struct bench_prefix);
	struct bench_prefix *v = malloc(size);
	struct code *c = &m->code;
	label answer = code_label(c), six = code_label(c), no = code_label(c);

	memcpy(v, m->w->prefixes, size);
	qsort(v, m->w->entries, sizeof(*v), longest_first);
	emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, 12);
	emit_jump32_imm(c, BPF_JNE, BPF_REG_1, TCP, no);
	emit_load(c, BPF_W, BPF_REG_1, BPF_REG_6, 8);
	emit_jump32_imm(c, BPF_JEQ, BPF_REG_1, FAMILY_IP6, six);
	emit_family(m, v, 4, answer);
	code_place(c, six);
	emit_family(m, v, 6, answer);
	code_place(c, no);
	emit_alu32_imm(c, BPF_MOV, BPF_REG_0, 1);
	emit_exit(c);
	code_place(c, answer);
	bench_epilogue(NULL, c);
	free(v);
	return true;
}

bool bench_chain(struct bench_program *p, struct workload *w,
		 const struct bench_packets *k)
{
	p->name = "chain";
	return w->prefixes && w->entries <= CHAIN_MAX &&
		make(p, w, k, -1, chain_body);
}

/* --------------------------------------------------- by hand, and empty */

/*
 * The text ends in `exit`, or in `goto NAME` for a socket of that name, written
 * with _ for -.
 */
static void emit_answer(struct maker *m, const char *name, label at)
{
	char *wanted = strdup(name);

	for (char *s = wanted; *s; s++)
		if (*s == '_')
			*s = '-';
	code_place(&m->code, at);
	emit_alu32_imm(&m->code, BPF_MOV, BPF_REG_7,
		       workload_label(m->w, wanted));
	bench_epilogue(NULL, &m->code);
	free(wanted);
}

static bool hand_body(struct maker *m)
{
	struct assemble_error error;
	struct assembled text;
	label first = (label)m->code.nlabels;

	if (!assemble(m->arena, m->w->hand, strlen(m->w->hand), &text,
		      &error)) {
		fprintf(stderr, "bench: %s.s:%u: %s\n", m->w->name, error.line,
			error.text);
		return false;
	}
	for (size_t i = 0; i < text.nways; i++)
		code_label(&m->code);
	for (size_t i = 0; i < text.code.n; i++) {
		struct insn x = text.code.v[i];

		for (size_t k = 0; k < text.nways; k++)
			if (text.code.labels[k] == i)
				code_place(&m->code, first + (label)k);
		if (x.target != NO_LABEL)
			x.target += first;
		emit(&m->code, x);
	}
	for (size_t k = 0; k < text.nways; k++)
		if (text.code.labels[k] == LABEL_UNPLACED)
			emit_answer(m, text.ways[k].name, first + (label)k);
	return true;
}

bool bench_hand(struct bench_program *p, struct workload *w,
		const struct bench_packets *k)
{
	p->name = "hand";
	return w->hand && make(p, w, k, -1, hand_body);
}

static bool empty_body(struct maker *m)
{
	/* the packet is touched, as everybody touches it */
	emit_load(&m->code, BPF_W, BPF_REG_0, BPF_REG_6, 8);
	emit_alu32_imm(&m->code, BPF_AND, BPF_REG_0, 1);
	emit_exit(&m->code);
	return true;
}

bool bench_empty(struct bench_program *p, struct workload *w,
		 const struct bench_packets *k)
{
	p->name = "empty";
	return make(p, w, k, -1, empty_body);
}
