/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_check - whether an image keeps the promises of image.h
 *
 * In: an image. Out: the first fault, in words. Linear in its size.
 */
#include "image_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { INSNS_MAX = 1000000, VARIABLES_MAX = 65535, RODATA_MAX = 1 << 30 };

static bool __attribute__((format(printf, 2, 3)))
fault(char error[256], const char *fmt, ...)
{
	int n = snprintf(error, 256, "internal error: ");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error + n, 256 - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

static bool loads_64(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* Whether instruction N is the second half of a load of 64 bits. */
static bool second_half(const struct image *m, uint32_t n)
{
	return n && !m->insns[n].code && loads_64(&m->insns[n - 1]);
}

static bool check_insns(const struct image *m, char error[256])
{
	size_t i;

	if (!m->ninsns || m->ninsns > INSNS_MAX)
		return fault(error, "a program of %zu instructions", m->ninsns);
	for (i = 0; i < m->ninsns; i++) {
		if (!loads_64(&m->insns[i]))
			continue;
		if (++i == m->ninsns || m->insns[i].code)
			return fault(error, "half of a load at %zu", i - 1);
	}
	return true;
}

static bool check_reloc(const struct image *m, const struct image_reloc *r,
			char error[256])
{
	if (r->insn >= m->ninsns || !loads_64(&m->insns[r->insn]))
		return fault(error, "instruction %u loads no map", r->insn);
	if (r->map >= IMAGE_MAPS || (r->map == IMAGE_EVENTS && !m->events))
		return fault(error, "instruction %u loads an unknown map",
			     r->insn);
	if (r->map == IMAGE_RODATA ? r->offset >= m->rodata_size : r->offset)
		return fault(error, "instruction %u loads what is past a map",
			     r->insn);
	return true;
}

static bool check_relocs(const struct image *m, char error[256])
{
	size_t i;

	for (i = 0; i < m->nrelocs; i++) {
		if (!check_reloc(m, &m->relocs[i], error))
			return false;
		if (i && m->relocs[i].insn <= m->relocs[i - 1].insn)
			return fault(error, "map references do not rise");
	}
	return true;
}

static bool check_lines(const struct image *m, char error[256])
{
	size_t i;

	if (!m->nlines || m->lines[0].insn)
		return fault(error, "the first instruction has no line");
	for (i = 0; i < m->nlines; i++) {
		if (i && m->lines[i].insn <= m->lines[i - 1].insn)
			return fault(error, "lines do not rise");
		if (m->lines[i].insn >= m->ninsns ||
		    second_half(m, m->lines[i].insn))
			return fault(error, "a line begins at no instruction "
				     "(%u)", m->lines[i].insn);
	}
	return true;
}

static bool is_identifier(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ_" "0123456789";
	size_t n = strlen(s);

	return n && n < 128 && strspn(s, letters) == n &&
		!(*s >= '0' && *s <= '9');
}

static bool check_variable(const struct image *m,
			   const struct image_variable *v, char error[256])
{
	uint32_t unit = strcmp(v->name, "skpol_steps") ? v->width :
		sizeof(struct image_step);

	if (!is_identifier(v->name))
		return fault(error, "a variable named `%.64s`", v->name);
	if (v->width != 1 && v->width != 2 && v->width != 4 && v->width != 8)
		return fault(error, "`%s` has elements of %u bytes", v->name,
			     v->width);
	if (v->offset % 8 || v->size % unit || v->offset > m->rodata_size ||
	    v->size > m->rodata_size - v->offset)
		return fault(error, "`%s` is not in .rodata", v->name);
	return true;
}

static bool check_variables(const struct image *m, char error[256])
{
	const struct image_variable *v = m->variables;
	size_t i;

	if (m->rodata_size > RODATA_MAX || m->nvariables > VARIABLES_MAX)
		return fault(error, "%zu bytes of .rodata", m->rodata_size);
	for (i = 0; i < m->nvariables; i++) {
		if (!check_variable(m, &v[i], error))
			return false;
		if (i && v[i].offset < v[i - 1].offset + v[i - 1].size)
			return fault(error, "`%s` overlaps `%s`", v[i].name,
				     v[i - 1].name);
	}
	if (m->rodata_size && !i)
		return fault(error, ".rodata has no variable");
	return true;
}

static bool check_numbers(const struct image *m, const char *name, uint32_t n,
			  char error[256])
{
	const struct image_variable *v = image_variable(m, name);
	uint64_t size = v ? v->size : 0;

	if (size == (uint64_t)n * sizeof(uint32_t))
		return true;
	return fault(error, "`%s` has not %u elements", name, n);
}

int image_check(const struct image *m, char error[256])
{
	bool good = check_insns(m, error) && check_relocs(m, error) &&
		check_lines(m, error) && check_variables(m, error) &&
		check_numbers(m, "skpol_slots", m->nslots, error) &&
		check_numbers(m, "skpol_interfaces", m->ninterfaces, error);

	return good ? 0 : -EINVAL;
}
