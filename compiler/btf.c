/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf - the section .BTF: maps, variables of .rodata, the program's type
 *
 * In: an image. Out: types in an order that depends on nothing else. Every
 * call of libbpf that adds a type goes through added(): the first that fails
 * is remembered and looked at once, at the end.
 */
#include "btf.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EVENTS_SIZE = 256 * 1024,	/* a power of two and of pages */
	BTF_SIZE_MAX = 16 << 20,	/* the kernel takes no more */
};

struct types {
	struct btf *btf;
	int err;
	/* the integers that everything is made of, by their width in bytes */
	int text, u8, u16, u32, u64;
	int index;		/* of arrays */
};

static int added(struct types *t, int id)
{
	if (id < 0 && !t->err)
		t->err = id;
	return id;
}

static int array_of(struct types *t, int type, uint32_t n)
{
	return added(t, btf__add_array(t->btf, t->index, type, n));
}

static void member(struct types *t, const char *name, int type, size_t offset)
{
	added(t, btf__add_field(t->btf, name, type, (uint32_t)offset * 8, 0));
}

static void integers(struct types *t)
{
	struct btf *b = t->btf;

	/* bpftool prints an array of `char` as the text that it is */
	t->text = added(t, btf__add_int(b, "char", 1, BTF_INT_SIGNED));
	t->u8 = added(t, btf__add_int(b, "unsigned char", 1, 0));
	t->u16 = added(t, btf__add_int(b, "unsigned short", 2, 0));
	t->u32 = added(t, btf__add_int(b, "unsigned int", 4, 0));
	t->u64 = added(t, btf__add_int(b, "unsigned long long", 8, 0));
	t->index = t->u32;
}

/* ---------------------------------------------------------------- structs */

#define STEP_MEMBERS(M) M(slot) M(counter) M(next) M(rule)
#define COUNTER_MEMBERS(M) M(hits) M(missing) M(last_hit) M(eprototype) \
	M(eafnosupport) M(esocktnosupport) M(eexist) M(other)

static int step_type(struct types *t)
{
	int id = added(t, btf__add_struct(t->btf, "skpol_step",
					  sizeof(struct image_step)));

#define M(name) member(t, #name, t->u32, offsetof(struct image_step, name));
	STEP_MEMBERS(M)
#undef M
	return id;
}

static int counter_type(struct types *t)
{
	int id = added(t, btf__add_struct(t->btf, "skpol_counter",
					  sizeof(struct image_counter)));

#define M(name) member(t, #name, t->u64, offsetof(struct image_counter, name));
	COUNTER_MEMBERS(M)
#undef M
	return id;
}

/* The kernel knows a program's context by the name of its struct. */
static int context_type(struct types *t)
{
	int ip6 = array_of(t, t->u32, 4), id;

	id = added(t, btf__add_struct(t->btf, "bpf_sk_lookup",
				      sizeof(struct bpf_sk_lookup)));
#define M(name, type) \
	member(t, #name, type, offsetof(struct bpf_sk_lookup, name));
	M(cookie, t->u64)
	M(family, t->u32)
	M(protocol, t->u32)
	M(remote_ip4, t->u32)
	M(remote_ip6, ip6)
	M(remote_port, t->u16)
	M(local_ip4, t->u32)
	M(local_ip6, ip6)
	M(local_port, t->u32)
	M(ingress_ifindex, t->u32)
#undef M
	return id;
}

/* ------------------------------------------------------------------- maps */

struct attribute {
	const char *name;	/* libbpf's word for it; NULL ends the list */
	uint32_t number;	/* its value, where TYPE is 0 */
	int type;
};

enum { ATTRIBUTES_MAX = 4 };

/*
 * A map is a variable of a struct that is never read: a number n is said by a
 * pointer to an array of n, a type by a pointer to it.
 */
static void map_variable(struct types *t, struct btf_sections *out,
			 const char *name,
			 const struct attribute a[ATTRIBUTES_MAX])
{
	struct btf_map *m = &out->maps[out->nmaps];
	int types[ATTRIBUTES_MAX], id;
	uint32_t i, n;

	for (n = 0; n < ATTRIBUTES_MAX && a[n].name; n++) {
		id = a[n].type ? a[n].type :
			array_of(t, t->u32, a[n].number);
		types[n] = added(t, btf__add_ptr(t->btf, id));
	}
	*m = (struct btf_map){
		.name = name, .size = n * 8,
		.offset = out->nmaps ? m[-1].offset + m[-1].size : 0,
	};
	out->nmaps++;
	id = added(t, btf__add_struct(t->btf, NULL, m->size));
	for (i = 0; i < n; i++)
		member(t, a[i].name, types[i], i * 8);
	m->id = added(t, btf__add_var(t->btf, name, BTF_VAR_GLOBAL_ALLOCATED,
				      id));
}

static uint32_t at_least_one(uint32_t n)
{
	return n ? n : 1;
}

static void map_variables(struct types *t, const struct image *m,
			  struct btf_sections *out)
{
	/* sizes, not types: no kernel takes a socket map with BTF */
	const struct attribute sockets[ATTRIBUTES_MAX] = {
		{ "type", BPF_MAP_TYPE_SOCKMAP, 0 },
		{ "max_entries", at_least_one(m->nslots), 0 },
		{ "key_size", sizeof(uint32_t), 0 },
		{ "value_size", sizeof(uint64_t), 0 },
	};
	const struct attribute counters[ATTRIBUTES_MAX] = {
		{ "type", BPF_MAP_TYPE_PERCPU_ARRAY, 0 },
		{ "max_entries", at_least_one(m->ncounters), 0 },
		{ "key", 0, t->u32 },
		{ "value", 0, counter_type(t) },
	};
	const struct attribute events[ATTRIBUTES_MAX] = {
		{ "type", BPF_MAP_TYPE_RINGBUF, 0 },
		{ "max_entries", EVENTS_SIZE, 0 },
	};

	map_variable(t, out, "sockets", sockets);
	map_variable(t, out, "counters", counters);
	if (m->events)
		map_variable(t, out, "events", events);
}

static void maps(struct types *t, const struct image *m,
		 struct btf_sections *out)
{
	const struct btf_map *v = out->maps;
	size_t i;

	map_variables(t, m, out);
	i = out->nmaps - 1;
	added(t, btf__add_datasec(t->btf, ".maps", v[i].offset + v[i].size));
	for (i = 0; i < out->nmaps; i++)
		added(t, btf__add_datasec_var_info(t->btf, v[i].id,
						   v[i].offset, v[i].size));
}

/* ---------------------------------------------------------------- .rodata */

static int element_type(struct types *t, const struct image_variable *v)
{
	switch (v->width) {
	case 1:
		return strncmp(v->name, "bpf_metadata_", 13) ? t->u8 : t->text;
	case 2:
		return t->u16;
	case 4:
		return t->u32;
	default:
		return t->u64;
	}
}

static int variable(struct types *t, const struct image_variable *v)
{
	int id;

	if (!strcmp(v->name, "skpol_steps"))
		id = array_of(t, step_type(t),
			      v->size / sizeof(struct image_step));
	else
		id = array_of(t, element_type(t, v), v->size / v->width);
	return added(t, btf__add_var(t->btf, v->name,
				     BTF_VAR_GLOBAL_ALLOCATED, id));
}

/* The kernel takes no variable of no size, and no section without one. */
static void rodata(struct types *t, const struct image *m)
{
	int *ids = calloc(m->nvariables + 1, sizeof(*ids));
	const struct image_variable *v = m->variables;
	size_t i;

	if (!ids) {
		added(t, -ENOMEM);
		return;
	}
	for (i = 0; i < m->nvariables; i++)
		ids[i] = v[i].size ? variable(t, &v[i]) : 0;
	if (m->rodata_size)
		added(t, btf__add_datasec(t->btf, ".rodata",
					  (uint32_t)m->rodata_size));
	for (i = 0; i < m->nvariables; i++)
		if (v[i].size)
			added(t, btf__add_datasec_var_info(t->btf, ids[i],
							   v[i].offset,
							   v[i].size));
	free(ids);
}

/* ---------------------------------------------------------------- program */

static int program(struct types *t)
{
	int context = added(t, btf__add_ptr(t->btf, context_type(t)));
	int result = added(t, btf__add_int(t->btf, "int", 4, BTF_INT_SIGNED));
	int proto = added(t, btf__add_func_proto(t->btf, result));

	added(t, btf__add_func_param(t->btf, "ctx", context));
	return added(t, btf__add_func(t->btf, BTF_PROGRAM, BTF_FUNC_GLOBAL,
				      proto));
}

/* ------------------------------------------------------------- all of it */

/* What libbpf does not read back, the kernel would drop. */
static int check(const struct btf_sections *s, char error[256])
{
	struct btf *btf = btf__new(s->types, (uint32_t)s->types_size);
	struct btf_ext *ext = btf_ext__new(s->ext, (uint32_t)s->ext_size);
	int err = 0;

	if ((!btf || !ext) && errno == ENOMEM) {
		snprintf(error, 256, "no memory for the types of the object");
		err = -ENOMEM;
	} else if (!btf || !ext || s->types_size > BTF_SIZE_MAX) {
		snprintf(error, 256, "internal error: the %s written is not "
			 "what libbpf reads", btf ? ".BTF.ext" : ".BTF");
		err = -EINVAL;
	}
	btf_ext__free(ext);
	btf__free(btf);
	return err;
}

static int build(const struct object_input *in, struct types *t,
		 struct btf_sections *out)
{
	const void *raw;
	uint32_t size;
	int func;

	integers(t);
	maps(t, in->image, out);
	rodata(t, in->image);
	func = program(t);
	if (t->err)
		return t->err;
	out->ext = btf_ext_build(in, t->btf, func, &out->ext_size);
	if (!out->ext)
		return -errno;
	raw = btf__raw_data(t->btf, &size);
	out->types = raw ? malloc(size) : NULL;
	if (!out->types)
		return -ENOMEM;
	memcpy(out->types, raw, size);
	out->types_size = size;
	return 0;
}

int btf_build(const struct object_input *in, struct btf_sections *out,
	      char error[256])
{
	struct types t = { .btf = btf__new_empty() };
	int err;

	memset(out, 0, sizeof(*out));
	err = t.btf ? build(in, &t, out) : -ENOMEM;
	btf__free(t.btf);
	if (err)
		snprintf(error, 256, "cannot write the types of the object: "
			 "%s", strerror(-err));
	else
		err = check(out, error);
	if (err)
		btf_sections_free(out);
	return err;
}

void btf_sections_free(struct btf_sections *s)
{
	free(s->types);
	free(s->ext);
	memset(s, 0, sizeof(*s));
}
