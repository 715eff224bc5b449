/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_read - a policy.o that was opened, as an image again
 *
 * In: an objfile. Out: an image; its memory is the arena's.
 */
#include "image_read.h"

#include <string.h>

#include "../grammar/arena.h"

static enum image_map map_of(const struct objfile_reloc *r)
{
	if (r->rodata)
		return IMAGE_RODATA;
	if (!strcmp(r->symbol, "sockets"))
		return IMAGE_SOCKETS;
	return strcmp(r->symbol, "events") ? IMAGE_COUNTERS : IMAGE_EVENTS;
}

static uint8_t width_of(const char *name)
{
	static const char text[] = "bpf_metadata_";

	if (!strncmp(name, text, sizeof(text) - 1))
		return 1;
	return !strcmp(name, "skpol_slots") ||
		!strcmp(name, "skpol_interfaces") ||
		!strcmp(name, "skpol_steps") ? 4 : 0;
}

static void read_insns(struct arena *a, const struct objfile *o,
		       struct image *out)
{
	size_t i;

	out->ninsns = o->ninsns;
	out->insns = arena_array(a, o->ninsns, sizeof(*out->insns));
	memcpy(out->insns, o->insns, o->ninsns * sizeof(*out->insns));
	out->nrelocs = o->nrelocs;
	out->relocs = arena_array(a, o->nrelocs, sizeof(*out->relocs));
	for (i = 0; i < o->nrelocs; i++) {
		const struct objfile_reloc *r = &o->relocs[i];

		out->relocs[i] = (struct image_reloc){
			.insn = r->insn, .map = (uint8_t)map_of(r),
			.offset = r->offset,
		};
		/* the addend, which is in the offset now */
		out->insns[r->insn].imm = 0;
	}
}

static void read_rodata(struct arena *a, const struct objfile *o,
			struct image *out)
{
	size_t i;

	out->rodata_size = o->rodata_size;
	out->rodata = arena_alloc(a, o->rodata_size);
	if (o->rodata_size)
		memcpy(out->rodata, o->rodata, o->rodata_size);
	out->nvariables = o->nvariables;
	out->variables = arena_array(a, o->nvariables,
				     sizeof(*out->variables));
	for (i = 0; i < o->nvariables; i++) {
		const struct objfile_variable *v = &o->variables[i];

		out->variables[i] = (struct image_variable){
			.name = arena_strdup(a, v->name),
			.offset = v->offset, .size = v->size,
			.width = width_of(v->name),
		};
	}
}

void image_read(struct arena *a, const struct objfile *o, struct image *out)
{
	*out = (struct image){
		.nslots = o->nslots, .ncounters = o->ncounters + o->events,
		.ninterfaces = o->ninterfaces, .events = o->events,
	};
	read_insns(a, o, out);
	read_rodata(a, o, out);
}
