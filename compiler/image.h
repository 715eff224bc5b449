/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image - a compiled policy before it is an object: bytes and what they mean
 *
 * Made by the code generator, written to policy.o by object.c, run by the
 * interpreter, checked by the proof; read back from policy.o by image_read.c.
 * Promise: the instructions are final. Only ld_imm64 pairs that name a map are
 * left to the loader (relocs).
 *
 * .rodata holds, each at a multiple of 8:
 *	bpf_metadata_*		strings that bpftool shows
 *	skpol_slots		u32 each: compile-time slot -> index in `sockets`
 *	skpol_interfaces	u32 each: ifindex of each interface name;
 *				IMAGE_NO_INTERFACE = there is none
 *	skpol_steps		struct image_step each
 *	skpol_*			tables, by the lowering that made them
 * The runtime writes skpol_slots and skpol_interfaces before it loads the
 * program. As compiled they are 0, 1, 2, ... and IMAGE_NO_INTERFACE.
 */
#ifndef SKPOL_IMAGE_H
#define SKPOL_IMAGE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../grammar/source.h"
#include "../runtime/abi.h"

struct arena;

enum image_map {
	IMAGE_SOCKETS,		/* SOCKMAP, key u32, value u64 */
	IMAGE_COUNTERS,		/* PERCPU_ARRAY, key u32, value struct image_counter */
	IMAGE_EVENTS,		/* RINGBUF; only when a rule has `trace` */
	IMAGE_RODATA,		/* the .rodata section */
	IMAGE_MAPS,
	IMAGE_NO_MAP = IMAGE_MAPS,
};

/*
 * One step of an else chain for packets of one family and protocol. An outcome
 * is four steps in a row, in order of SLOT_KIND (tcp4, tcp6, udp4, udp6): the
 * first to try for each. `next` is the step after this one fails.
 */
struct image_step {
	/* IMAGE_PASS, IMAGE_DROP, or an index into skpol_slots; then bits 24
	 * and above are the flags of bpf_sk_assign */
	uint32_t slot;
	uint32_t counter;	/* index into counters, or IMAGE_NO_COUNTER */
	uint32_t next;		/* index into skpol_steps */
	uint32_t rule;		/* for events; IMAGE_NO_TRACE = none is sent */
};				/* 16 bytes: an index is a shift */

enum {
	IMAGE_FLAGS_SHIFT = 24, IMAGE_SLOT_MASK = 0xffffff,
	IMAGE_NO_COUNTER = UINT32_MAX, IMAGE_NO_TRACE = UINT32_MAX,
};

struct image_reloc {
	uint32_t insn;		/* of the first half of the ld_imm64 */
	uint8_t map;		/* enum image_map */
	uint32_t offset;	/* IMAGE_RODATA: in the section; else 0 */
};

struct image_line {		/* from this instruction on, until the next */
	uint32_t insn;
	struct place place;	/* what it was compiled from */
};

struct image_variable {		/* of .rodata */
	const char *name;
	uint32_t offset, size;	/* in bytes */
	uint8_t width;		/* of an element: 1 (text), 2, 4 or 8 bytes */
};

struct image {
	struct bpf_insn *insns;
	size_t ninsns;
	struct image_reloc *relocs;	/* rising */
	size_t nrelocs;
	struct image_line *lines;	/* rising; the first is instruction 0 */
	size_t nlines;
	uint8_t *rodata;
	size_t rodata_size;
	struct image_variable *variables;	/* rising */
	size_t nvariables;
	uint32_t nslots, ninterfaces;
	uint32_t ncounters;		/* elements of `counters`: those of
					 * rules, then, with events, a struct
					 * image_listener */
	bool events;
	bool ifindex;			/* events have their packet's */
};

/* The variable of that name, or NULL. */
const struct image_variable *image_variable(const struct image *m,
					    const char *name);

/* image_path.c: the most instructions that one packet can take */
size_t image_longest_path(struct arena *a, const struct image *m);

#endif
