/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_other - what one would write without skpol
 *
 * The longest-prefix trie as it is deployed: two look-ups a packet, for the
 * exact port and for any; key: protocol, port, 16 bytes of address. A hash map
 * of whole addresses, one look-up: it can hold no prefixes, and is here as the
 * price of a map alone. And the empty program.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <string.h>

#include "bench.h"

struct trie_key {
	uint32_t length;	/* bits after this word */
	uint8_t protocol, zero;
	uint16_t port;		/* host order; 0 = any */
	uint8_t address[16];	/* IPv4 in ::ffff:0:0/96 */
};

enum { KEY = -32, BEFORE_ADDRESS = 32 };	/* in the stack; bits */

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
	emit_jump32_imm(c, BPF_JEQ, BPF_REG_1, 10, six);
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

/* What was found decides; nothing found is a pass. */
static void emit_end(struct code *c, label found)
{
	emit_alu32_imm(c, BPF_MOV, BPF_REG_0, 1);
	emit_exit(c);
	code_place(c, found);
	emit_load(c, BPF_W, BPF_REG_0, BPF_REG_0, 0);
	emit_alu32_imm(c, BPF_AND, BPF_REG_0, 1);
	emit_exit(c);
}

static bool load(struct stream *s, int map, struct bench_program *out,
		 void (*emit_body)(struct code *c))
{
	struct image image;
	struct arena a;
	struct code c;
	bool done;

	arena_init(&a, NULL);
	code_init(&c, &a);
	struct rodata r = { .arena = &a };

	bench_prologue(s, &c, &r);
	emit_body(&c);
	done = bench_image(&a, &c, &r, &image) && bench_load(&image, map, out);
	arena_free(&a);
	return done;
}

static void trie_body(struct code *c)
{
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
	emit_end(c, found);
}

bool bench_trie(struct stream *s, const struct bench_prefix *v, size_t n,
		struct bench_program *out)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = BPF_F_NO_PREALLOC);
	int map = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "trie",
				 sizeof(struct trie_key), 4, (uint32_t)n + 1,
				 &o);

	for (size_t i = 0; i < n && map >= 0; i++) {
		struct trie_key k = { .protocol = 6 };
		uint32_t value = v[i].value;

		k.length = BEFORE_ADDRESS + v[i].length +
			(v[i].family == 4 ? 96 : 0);
		put_address(k.address, v[i].family, v[i].low);
		bpf_map_update_elem(map, &k, &value, BPF_ANY);
	}
	return map >= 0 && load(s, map, out, trie_body);
}

static void hash_body(struct code *c)
{
	label found = code_label(c);

	emit_address(c, KEY);
	emit_lookup(c, KEY);
	emit_jump64_imm(c, BPF_JNE, BPF_REG_0, 0, found);
	emit_end(c, found);
}

bool bench_hash(struct stream *s, const struct bench_prefix *v, size_t n,
		struct bench_program *out)
{
	int map = bpf_map_create(BPF_MAP_TYPE_HASH, "hash", 16, 4,
				 STREAM + (uint32_t)(n ? 1 : 0), NULL);

	(void)v;
	for (size_t i = 0; i < STREAM && map >= 0; i++) {
		const struct packet *p = &s->packets[i];
		uint32_t value = (uint32_t)i;
		uint8_t key[16];

		put_address(key, p->family, p->local);
		bpf_map_update_elem(map, key, &value, BPF_ANY);
	}
	return map >= 0 && load(s, map, out, hash_body);
}

static void empty_body(struct code *c)
{
	/* the packet is touched, as everybody touches it */
	emit_load(c, BPF_W, BPF_REG_0, BPF_REG_6, 8);
	emit_alu32_imm(c, BPF_AND, BPF_REG_0, 1);
	emit_exit(c);
}

bool bench_empty(struct stream *s, struct bench_program *out)
{
	return load(s, -1, out, empty_body);
}
