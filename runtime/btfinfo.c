/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btfinfo - the debug information of an object, in the kernel's form
 *
 * In: an object's bytes. Out: what bpftool needs to show names and lines of the
 * policy. Promise: nothing outside the object is read; when anything is odd,
 * there is no information instead of a wrong one.
 */
#include "btfinfo.h"

#include <bpf/bpf.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bytes {
	const uint8_t *p;
	size_t n;
};

/* N bytes at OFFSET, or NULL. */
static const void *at(struct bytes b, size_t offset, size_t n)
{
	return offset <= b.n && n <= b.n - offset ? b.p + offset : NULL;
}

static struct bytes part(struct bytes b, size_t offset, size_t n)
{
	const void *p = at(b, offset, n);

	return p ? (struct bytes){ p, n } : (struct bytes){ NULL, 0 };
}

static const char *text_at(struct bytes b, size_t offset)
{
	const char *s = at(b, offset, 1);

	return s && memchr(s, 0, b.n - offset) ? s : "";
}

/* ------------------------------------------------------------ types */

struct types {
	struct bytes types, strings;
	const struct btf_type **v;	/* by number, from 1 */
	uint32_t n;
};

/* The bytes that follow struct btf_type, by kind. */
static size_t tail_size(const struct btf_type *t)
{
	size_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
		return sizeof(__u32);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return n * sizeof(struct btf_enum);
	case BTF_KIND_FUNC_PROTO:
		return n * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return n * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

static bool types_read(struct bytes b, struct types *t)
{
	const struct btf_header *h = at(b, 0, sizeof(*h));
	size_t offset = 0;

	*t = (struct types){ .n = 0 };
	if (!h || h->hdr_len > b.n)
		return false;
	t->types = part(b, (size_t)h->hdr_len + h->type_off, h->type_len);
	t->strings = part(b, (size_t)h->hdr_len + h->str_off, h->str_len);
	t->v = calloc(t->types.n / sizeof(struct btf_type) + 1,
		      sizeof(*t->v));
	while (t->v && offset < t->types.n) {
		const struct btf_type *e = at(t->types, offset, sizeof(*e));

		if (!e || !at(t->types, offset + sizeof(*e), tail_size(e)))
			return false;
		t->v[++t->n] = e;
		offset += sizeof(*e) + tail_size(e);
	}
	return t->v;
}

static const struct btf_type *type(const struct types *t, uint32_t id)
{
	return id && id <= t->n ? t->v[id] : NULL;
}

static uint32_t find(const struct types *t, uint32_t kind, const char *name)
{
	for (uint32_t id = 1; id <= t->n; id++)
		if (BTF_INFO_KIND(t->v[id]->info) == kind &&
		    !strcmp(text_at(t->strings, t->v[id]->name_off), name))
			return id;
	return 0;
}

/* What member NAME of map definition ID points to. */
static uint32_t pointee(const struct types *t, uint32_t id, const char *name)
{
	const struct btf_type *def = type(t, id);
	const struct btf_member *m = (const void *)(def + 1);

	if (!def || BTF_INFO_KIND(def->info) != BTF_KIND_STRUCT)
		return 0;
	for (uint32_t i = 0; i < BTF_INFO_VLEN(def->info); i++) {
		const struct btf_type *p = type(t, m[i].type);

		if (p && BTF_INFO_KIND(p->info) == BTF_KIND_PTR &&
		    !strcmp(text_at(t->strings, m[i].name_off), name))
			return p->type;
	}
	return 0;
}

static void find_types(struct bytes b, struct btfinfo *out)
{
	struct types t;
	const struct btf_type *counters;

	if (types_read(b, &t)) {
		out->rodata_type = find(&t, BTF_KIND_DATASEC, ".rodata");
		counters = type(&t, find(&t, BTF_KIND_VAR, "counters"));
		if (counters) {
			out->counter_key = pointee(&t, counters->type, "key");
			out->counter_value = pointee(&t, counters->type,
						     "value");
		}
	}
	free(t.v);
}

/* ------------------------------------------------------------ lines */

struct ext_header {			/* of .BTF.ext */
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len, func_off, func_len, line_off, line_len;
};

/*
 * The records of the one program of the object: a size, then a section's name
 * and number of records. SIZE is that of a record we know the meaning of.
 * malloc'ed, their instruction offsets turned from bytes to instructions.
 */
static void *records(struct bytes b, size_t size, uint32_t *n)
{
	const uint32_t *head = at(b, 0, 12);
	uint8_t *v;

	*n = 0;
	if (!head || head[0] != size || !head[2] ||
	    !at(b, 12, (size_t)head[2] * size))
		return NULL;
	v = malloc((size_t)head[2] * size);
	if (!v)
		return NULL;
	memcpy(v, b.p + 12, (size_t)head[2] * size);
	*n = head[2];
	for (uint32_t i = 0; i < *n; i++)
		*(uint32_t *)(v + i * size) /= sizeof(struct bpf_insn);
	return v;
}

static void read_ext(struct bytes b, struct btfinfo *out)
{
	const struct ext_header *h = at(b, 0, sizeof(*h));

	if (!h || h->magic != 0xeb9f || h->version != 1)
		return;
	out->funcs = records(part(b, (size_t)h->hdr_len + h->func_off,
				  h->func_len),
			     sizeof(*out->funcs), &out->nfuncs);
	out->lines = records(part(b, (size_t)h->hdr_len + h->line_off,
				  h->line_len),
			     sizeof(*out->lines), &out->nlines);
}

/* A copy at an address that suits every type in it. */
static struct bytes aligned(const void *p, size_t n)
{
	void *copy = n ? malloc(n) : NULL;

	if (!copy)
		return (struct bytes){ NULL, 0 };
	memcpy(copy, p, n);
	return (struct bytes){ copy, n };
}

void btfinfo_load(const struct objfile *o, struct btfinfo *b)
{
	struct bytes btf = aligned(o->btf, o->btf_size);
	struct bytes ext = aligned(o->btf_ext, o->btf_ext_size);

	*b = (struct btfinfo){ .fd = -1 };
	if (btf.n)
		b->fd = bpf_btf_load(btf.p, btf.n, NULL);
	if (b->fd >= 0) {
		find_types(btf, b);
		read_ext(ext, b);
	}
	free((void *)btf.p);
	free((void *)ext.p);
}

void btfinfo_close(struct btfinfo *b)
{
	if (b->fd >= 0)
		close(b->fd);
	free(b->funcs);
	free(b->lines);
	*b = (struct btfinfo){ .fd = -1 };
}
