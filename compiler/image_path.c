/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_path - the longest way through a program
 *
 * In: an image. Out: the most instructions that one packet can take, helpers
 * not counted. A program has no loop, so every instruction is gone into once.
 */
#include "../grammar/arena.h"
#include "image.h"

struct path {
	const struct image *image;
	uint32_t *longest;	/* from here on; 0 = not known yet */
	uint32_t *stack;
	size_t n, cap;
};

/* Where I leads to; how many there are. */
static unsigned int nexts(const struct image *m, uint32_t pc, uint32_t to[2])
{
	const struct bpf_insn *i = &m->insns[pc];
	uint8_t class = BPF_CLASS(i->code), op = BPF_OP(i->code);
	unsigned int n = 0;

	if (class != BPF_JMP && class != BPF_JMP32) {
		to[n++] = pc + 1 + (class == BPF_LD);
	} else if (op == BPF_JA) {
		to[n++] = pc + 1 + (uint32_t)(class == BPF_JMP32 ? i->imm :
					      i->off);
	} else if (op != BPF_EXIT) {
		to[n++] = pc + 1;
		if (op != BPF_CALL)
			to[n++] = pc + 1 + (uint32_t)(int32_t)i->off;
	}
	return n;
}

/* Sets the longest way from PC, if those behind it are known; else they are
 * put onto the stack. */
static void look(struct path *p, struct arena *a, uint32_t pc)
{
	uint32_t to[2], most = 0;
	unsigned int n = nexts(p->image, pc, to);
	bool known = true;

	for (unsigned int i = 0; i < n; i++) {
		if (to[i] >= p->image->ninsns)
			continue;
		if (p->longest[to[i]] > most)
			most = p->longest[to[i]];
		if (p->longest[to[i]])
			continue;
		*arena_push(a, p->stack, p->n, p->cap) = to[i];
		known = false;
	}
	if (known) {
		p->longest[pc] = most + 1;
		p->n--;
	}
}

size_t image_longest_path(struct arena *a, const struct image *m)
{
	struct path p = { .image = m };

	p.longest = arena_array(a, m->ninsns + 1, sizeof(*p.longest));
	*arena_push(a, p.stack, p.n, p.cap) = 0;
	while (p.n) {
		uint32_t pc = p.stack[p.n - 1];

		if (p.longest[pc])
			p.n--;
		else
			look(&p, a, pc);
	}
	return p.longest[0];
}
