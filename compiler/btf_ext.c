/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf_ext - the section .BTF.ext: which line of the policy each instruction
 * is for
 *
 * In: the lines of an image, the sources, the BTF whose strings hold the text.
 * Out: the section's bytes, laid out by hand because libbpf only reads it:
 *
 *	header      where each table begins (after the header) and its length
 *	func_info   record size 8;  section name, 1; { insn, type }
 *	line_info   record size 16; section name, n; { insn, file, text,
 *		    line << 10 | column } ...
 *
 * Instructions are counted in bytes. Promise: the first record is at the first
 * instruction, offsets rise, and the text is fit for a terminal.
 */
#include "btf.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../grammar/utf8.h"

enum {
	LINE_BITS = 22, COLUMN_BITS = 10,
	TEXT_MAX = 160,			/* bytes shown of a line */
	TEXT_BEFORE = 40,		/* of them, before a far column */
	STRINGS_MAX = 12 << 20,		/* the kernel takes BTF up to 16 MiB */
};

struct ext_header {			/* struct btf_ext_header of libbpf */
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len;
	uint32_t func_off, func_len;
	uint32_t line_off, line_len;
	uint32_t relo_off, relo_len;
};

struct ext_table {			/* what is before the records */
	uint32_t record_size;
	uint32_t section, n;
};

struct ext_func {
	uint32_t insn, type;
};

struct ext_line {
	uint32_t insn, file, text, position;
};

struct ext {				/* the section up to the lines */
	struct ext_header header;
	struct ext_table funcs;
	struct ext_func func;
	struct ext_table lines;
};

/* Copies what may be shown of P to END: no control characters, no halves. */
static void show(char out[TEXT_MAX + 1], const char *p, const char *end)
{
	size_t n, used = 0;
	uint32_t code;

	while (p < end) {
		n = utf8_char(p, end, &code);
		if (used + (n ? n : 1) > TEXT_MAX)
			break;
		if (!n || !utf8_shows(code)) {
			out[used++] = ' ';
			p += n ? n : 1;
			continue;
		}
		memcpy(out + used, p, n);
		used += n;
		p += n;
	}
	out[used] = '\0';
}

/* The line of POSITION, from its begin unless it is a very long one. */
static void line_text(struct source_set *s, uint32_t file,
		      struct source_position at, char out[TEXT_MAX + 1])
{
	size_t len, skip = 0;
	const char *line = source_line(s, file, at.line, &len);

	if (at.column > TEXT_MAX - TEXT_BEFORE)
		skip = at.column - TEXT_BEFORE;
	if (skip > len)
		skip = len;
	while (skip && skip < len && (line[skip] & 0xc0) == 0x80)
		skip--;
	show(out, line + skip, line + len);
}

/* The offset of S in the strings; too much text is left out. */
static int string(struct btf *btf, const char *s, bool full)
{
	return full ? btf__find_str(btf, s) : btf__add_str(btf, s);
}

struct writer {
	struct source_set *sources;
	struct btf *btf;
	uint32_t line;			/* of the record before, if any */
	bool full;			/* no more text */
};

static uint32_t at_most(uint32_t value, unsigned int bits)
{
	uint32_t max = (1u << bits) - 1;

	return value < max ? value : max;
}

/* 0 or a negative errno. BEFORE is the record before, or NULL. */
static int record(struct writer *w, const struct image_line *l,
		  const struct ext_line *before, struct ext_line *out)
{
	struct source_position at;
	char text[TEXT_MAX + 1];
	int id;

	*out = (struct ext_line){
		.insn = l->insn * (uint32_t)sizeof(struct bpf_insn),
	};
	if (!w->sources || l->place.file >= w->sources->nfiles)
		return 0;
	at = source_position(w->sources, l->place.file, l->place.begin);
	out->position = at_most(at.line, LINE_BITS) << COLUMN_BITS |
		at_most(at.column, COLUMN_BITS);
	id = btf__add_str(w->btf, w->sources->files[l->place.file].name);
	if (id < 0)
		return id;
	out->file = (uint32_t)id;
	if (before && before->file == out->file && w->line == at.line) {
		out->text = before->text;
		return 0;
	}
	w->line = at.line;
	line_text(w->sources, l->place.file, at, text);
	id = string(w->btf, text, w->full);
	if (id < 0)
		return w->full ? 0 : id;
	out->text = (uint32_t)id;
	w->full |= id > STRINGS_MAX;
	return 0;
}

static bool same_line(const struct ext_line *a, const struct ext_line *b)
{
	return a->file == b->file && a->text == b->text &&
		a->position == b->position;
}

/* Returns how many records were written, or a negative errno. */
static int64_t records(const struct object_input *in, struct btf *btf,
		       struct ext_line *out)
{
	struct writer w = { .sources = in->sources, .btf = btf };
	size_t i, n = 0;
	int err;

	for (i = 0; i < in->image->nlines; i++) {
		err = record(&w, &in->image->lines[i], n ? &out[n - 1] : NULL,
			     &out[n]);
		if (err)
			return err;
		if (!n || !same_line(&out[n], &out[n - 1]))
			n++;
	}
	return (int64_t)n;
}

static void head(struct ext *e, uint32_t section, uint32_t func, uint32_t n)
{
	const uint32_t funcs = sizeof(e->funcs) + sizeof(e->func);
	const uint32_t lines = sizeof(e->lines) +
		n * (uint32_t)sizeof(struct ext_line);

	*e = (struct ext){
		.header = {
			.magic = BTF_MAGIC, .version = BTF_VERSION,
			.hdr_len = sizeof(e->header),
			.func_len = funcs,
			.line_off = funcs, .line_len = lines,
			.relo_off = funcs + lines,
		},
		.funcs = { sizeof(struct ext_func), section, 1 },
		.func = { 0, func },
		.lines = { sizeof(struct ext_line), section, n },
	};
}

void *btf_ext_build(const struct object_input *in, struct btf *btf, int func,
		    size_t *size)
{
	int section = btf__add_str(btf, BTF_SECTION);
	struct ext *e = malloc(sizeof(*e) +
			       in->image->nlines * sizeof(struct ext_line));
	int64_t n = section;

	if (e && section >= 0)
		n = records(in, btf, (struct ext_line *)(e + 1));
	if (!e || n < 0) {
		errno = e ? (int)-n : ENOMEM;
		free(e);
		return NULL;
	}
	head(e, (uint32_t)section, (uint32_t)func, (uint32_t)n);
	*size = sizeof(*e) + (size_t)n * sizeof(struct ext_line);
	return e;
}
