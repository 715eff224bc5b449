/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load - a checked object to a program in the kernel, attached to nothing
 *
 * In: an object and the numbers it needs. Out: descriptors of the program and
 * its maps. Promise: the object is not changed; a refusal is told in the
 * verifier's own last words.
 */
#include "load.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "abi.h"
#include "auto.h"
#include "btfinfo.h"

enum {
	EVENTS_SIZE = 1 << 18,		/* bytes of the ring buffer */
	LOG_SHORT = 1 << 16,
	LOG_LONG = 1 << 24,
	LOG_LEVEL_MESSAGES = 4,		/* the kernel's BPF_LOG_STATS */
	LOG_LEVEL_ALL = 1,
};

struct load {
	struct skpol *s;
	const struct load_input *in;
	struct btfinfo btf;
	int rodata;
	struct loaded out;
};

/* A map with types for bpftool, or without if the kernel dislikes them. */
static int create(struct load *l, enum bpf_map_type type, const char *name,
		  __u32 value_size, __u32 entries,
		  struct bpf_map_create_opts *o)
{
	__u32 key = type == BPF_MAP_TYPE_RINGBUF ? 0 : sizeof(__u32);
	int fd;

	o->btf_fd = o->btf_value_type_id ? (__u32)l->btf.fd : 0;
	fd = bpf_map_create(type, name, key, value_size, entries, o);
	if (fd < 0 && o->btf_fd) {
		o->btf_fd = o->btf_key_type_id = o->btf_value_type_id = 0;
		fd = bpf_map_create(type, name, key, value_size, entries, o);
	}
	return fd < 0 ? fail_bpf(l->s, fd, "make the maps of the policy") : fd;
}

static bool uses(const struct objfile *o, const char *symbol)
{
	for (size_t i = 0; i < o->nrelocs; i++)
		if (!o->relocs[i].rodata && !strcmp(o->relocs[i].symbol,
						    symbol))
			return true;
	return false;
}

static int create_maps(struct load *l)
{
	LIBBPF_OPTS(bpf_map_create_opts, counters,
		    .btf_key_type_id = l->btf.counter_key,
		    .btf_value_type_id = l->btf.counter_value);
	LIBBPF_OPTS(bpf_map_create_opts, events);
	__u32 n = l->in->object->ncounters + l->in->object->events;

	if (uses(l->in->object, "counters")) {
		l->out.counters = create(l, BPF_MAP_TYPE_PERCPU_ARRAY,
					 "counters",
					 sizeof(struct image_counter),
					 n ? n : 1,
					 &counters);
		if (l->out.counters < 0)
			return l->out.counters;
	}
	if (uses(l->in->object, "events")) {
		l->out.events = create(l, BPF_MAP_TYPE_RINGBUF, "events", 0,
				       EVENTS_SIZE, &events);
		if (l->out.events < 0)
			return l->out.events;
	}
	return 0;
}

/* Puts N numbers where .rodata has variable NAME. */
static int write_numbers(struct load *l, uint8_t *rodata, const char *name,
			 const uint32_t *v, size_t n)
{
	const struct objfile *o = l->in->object;
	const struct objfile_variable *var = objfile_variable(o, name);

	if (!n)
		return 0;
	if (!var || var->size / sizeof(*v) != n || var->size > o->rodata_size ||
	    var->offset > o->rodata_size - var->size)
		return fail_input(l->s, -EBADMSG, "the object's variable `%s` "
				  "does not fit its manifest: it is no policy, "
				  "or damaged", name);
	memcpy(rodata + var->offset, v, n * sizeof(*v));
	return 0;
}

static int write_rodata(struct load *l, uint8_t *rodata)
{
	__u32 zero = 0;
	int err;

	err = write_numbers(l, rodata, "skpol_slots", l->in->slots,
			    l->in->nslots);
	if (!err)
		err = write_numbers(l, rodata, "skpol_interfaces",
				    l->in->interfaces, l->in->ninterfaces);
	if (err)
		return err;
	err = bpf_map_update_elem(l->rodata, &zero, rodata, BPF_ANY);
	if (!err)
		err = bpf_map_freeze(l->rodata);
	return err ? fail_bpf(l->s, err, "write the tables of the policy") : 0;
}

/* BPF_F_MMAPABLE, since Linux 5.5: then the value begins with a page. Else it lies
 * behind the kernel's struct bpf_array, 312 bytes in Linux 6.18, and what the
 * compiler has put into one line of the cache is in two. */
static int create_rodata(struct load *l)
{
	const struct objfile *o = l->in->object;
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_RDONLY_PROG | BPF_F_MMAPABLE,
		    .btf_value_type_id = l->btf.rodata_type);
	AUTO_FREE uint8_t *copy = NULL;

	if (!o->rodata_size)
		return 0;
	copy = malloc(o->rodata_size);
	if (!copy)
		return fail_memory(l->s);
	memcpy(copy, o->rodata, o->rodata_size);
	l->rodata = create(l, BPF_MAP_TYPE_ARRAY, "skpol.rodata",
			   (__u32)o->rodata_size, 1, &opts);
	return l->rodata < 0 ? l->rodata : write_rodata(l, copy);
}

static int map_of(const struct load *l, const struct objfile_reloc *r)
{
	if (r->rodata)
		return l->rodata;
	if (!strcmp(r->symbol, "sockets"))
		return l->in->sockets;
	if (!strcmp(r->symbol, "counters"))
		return l->out.counters;
	if (!strcmp(r->symbol, "events"))
		return l->out.events;
	return -1;
}

/* Writes map descriptors into the ld_imm64 pairs that name a map. */
static int relocate(struct load *l, struct bpf_insn *insns)
{
	const struct objfile *o = l->in->object;

	for (size_t i = 0; i < o->nrelocs; i++) {
		const struct objfile_reloc *r = &o->relocs[i];
		int fd = map_of(l, r);

		if (fd < 0 || r->insn + 1 >= o->ninsns ||
		    insns[r->insn].code != (BPF_LD | BPF_DW | BPF_IMM))
			return fail_input(l->s, -EBADMSG, "the object refers "
					  "to `%s`, which skpol does not know: "
					  "it is no policy, or a newer one",
					  r->symbol);
		insns[r->insn].src_reg = r->rodata ? BPF_PSEUDO_MAP_VALUE :
			BPF_PSEUDO_MAP_FD;
		insns[r->insn].imm = fd;
		insns[r->insn + 1].imm = r->rodata ? (__s32)r->offset : 0;
	}
	return 0;
}

static int load_once(struct load *l, const struct bpf_insn *insns, bool btf,
		     char *log, size_t size, __u32 level)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = BPF_SK_LOOKUP,
		    .log_buf = log, .log_size = (__u32)size,
		    .log_level = level);

	if (btf) {
		o.prog_btf_fd = (__u32)l->btf.fd;
		o.func_info = l->btf.funcs;
		o.func_info_cnt = l->btf.nfuncs;
		o.func_info_rec_size = sizeof(*l->btf.funcs);
		o.line_info = l->btf.lines;
		o.line_info_cnt = l->btf.nlines;
		o.line_info_rec_size = sizeof(*l->btf.lines);
	}
	return bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "skpol_dispatch",
			     l->in->object->license, insns, l->in->object->ninsns, &o);
}

/* The last line of LOG that is no statistics, cut out of it. */
static const char *last_words(char *log)
{
	char *line = NULL;

	for (char *p = strtok_r(log, "\n", &log); p;
	     p = strtok_r(NULL, "\n", &log))
		if (strncmp(p, "processed ", 10) &&
		    strncmp(p, "verification time", 17) &&
		    strncmp(p, "stack depth", 11))
			line = p;
	return line;
}

/* The load failed with ERR; loads again to hear why. */
static int explain(struct load *l, const struct bpf_insn *insns, int err)
{
	bool all = l->in->verifier_log;
	size_t size = all ? LOG_LONG : LOG_SHORT;
	AUTO_FREE char *log = calloc(1, size);
	AUTO_FD fd = -1;
	const char *words;

	if (err == -EPERM || err == -ENOSYS || !log)
		return fail_bpf(l->s, err, "load the program");
	fd = load_once(l, insns, false, log, size,
		       all ? LOG_LEVEL_ALL : LOG_LEVEL_MESSAGES);
	if (all && *log)
		l->in->verifier_log(l->in->ctx, log);
	words = last_words(log);
	if (!words)
		return fail_bpf(l->s, err, "load the program");
	return fail_system(l->s, err, "the kernel's verifier refuses the "
			   "program%s: %s", strstr(words, "!root") ? " (from "
			   "those without CAP_PERFMON)" : "", words);
}

static int load_insns(struct load *l)
{
	const struct objfile *o = l->in->object;
	AUTO_FREE struct bpf_insn *insns = NULL;
	int err, fd = -1;

	insns = malloc(o->ninsns * sizeof(*insns));
	if (!insns)
		return fail_memory(l->s);
	memcpy(insns, o->insns, o->ninsns * sizeof(*insns));
	err = relocate(l, insns);
	if (err)
		return err;
	if (l->btf.nfuncs && l->btf.nlines)
		fd = load_once(l, insns, true, NULL, 0, 0);
	if (fd < 0)
		fd = load_once(l, insns, false, NULL, 0, 0);
	if (fd < 0)
		return explain(l, insns, fd);
	l->out.program = fd;
	return 0;
}

int load_program(struct skpol *s, const struct load_input *in,
		 struct loaded *out)
{
	struct load l = { .s = s, .in = in, .rodata = -1,
			  .out = { -1, -1, -1 } };
	int err;

	btfinfo_load(in->object, &l.btf);
	err = create_maps(&l);
	if (!err)
		err = create_rodata(&l);
	if (!err)
		err = load_insns(&l);
	btfinfo_close(&l.btf);
	auto_close(&l.rodata);
	if (err)
		load_close(&l.out);
	*out = l.out;
	return err;
}

void load_close(struct loaded *l)
{
	auto_close(&l->program);
	auto_close(&l->counters);
	auto_close(&l->events);
	*l = (struct loaded){ -1, -1, -1 };
}
