/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print - the smallest things: text that grows, addresses, elements
 *
 * In: values of the syntax tree. Out: text. Promise: an address has one
 * spelling only (RFC 5952), whatever the C library prints.
 */
#include "print.h"

#include <stdio.h>
#include <string.h>

#include "print_text.h"

void text_add_n(struct text *t, const char *s, size_t n)
{
	if (t->n + n + 1 > t->cap)
		t->v = arena_grow(t->arena, t->v, &t->cap, t->n + n + 1, 1);
	if (n)
		memcpy(t->v + t->n, s, n);
	t->n += n;
	t->v[t->n] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_n(t, s, strlen(s));
}

/* Written in place: a million elements must not leave a million copies. */
void text_addf(struct text *t, const char *fmt, ...)
{
	size_t room = t->cap - t->n;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? t->v + t->n : NULL, room, fmt, ap);
	va_end(ap);
	if ((size_t)n < room) {
		t->n += (size_t)n;
		return;
	}
	t->v = arena_grow(t->arena, t->v, &t->cap, t->n + (size_t)n + 1, 1);
	va_start(ap, fmt);
	t->n += (size_t)vsnprintf(t->v + t->n, t->cap - t->n, fmt, ap);
	va_end(ap);
}

char *text_done(struct text *t)
{
	text_add_n(t, "", 0);
	return t->v;
}

/* The first of the longest runs of two or more zero groups; 8 = none. */
static int longest_zeros(const unsigned int g[8], int *len)
{
	int best = 8;

	*len = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && !g[i + n])
			n++;
		if (n > *len) {
			best = i;
			*len = n;
		}
		i += n;
	}
	return best;
}

static void print_ip4(char *buf, uint32_t v)
{
	snprintf(buf, 16, "%u.%u.%u.%u", v >> 24, v >> 16 & 255, v >> 8 & 255,
		 v & 255);
}

static void print_ip6(char *buf, u128 address)
{
	unsigned int g[8];
	int zeros, len;

	for (int i = 0; i < 8; i++)
		g[i] = (unsigned int)(address >> (112 - 16 * i)) & 0xffff;
	zeros = longest_zeros(g, &len);
	for (int i = 0; i < 8; i++) {
		if (i == zeros) {
			buf += sprintf(buf, i + len == 8 ? "::" : ":");
			i += len - 1;
			continue;
		}
		buf += sprintf(buf, i ? ":%x" : "%x", g[i]);
	}
}

char *print_address(char *buf, unsigned int family, u128 address)
{
	if (family == 4) {
		print_ip4(buf, (uint32_t)address);
	} else if (address >> 32 == 0xffff) {	/* IPv4-mapped */
		strcpy(buf, "::ffff:");
		print_ip4(buf + 7, (uint32_t)address);
	} else {
		print_ip6(buf, address);
	}
	return buf;
}

void text_element(struct text *t, const struct ast_element *e)
{
	char low[46], high[46];

	switch ((enum ast_element_kind)e->kind) {
	case AST_NAME_REF:
		text_add(t, e->text);
		break;
	case AST_STRING:
		text_add(t, "\"");
		text_add(t, e->text);
		text_add(t, "\"");
		break;
	case AST_PREFIX:
		text_addf(t, "%s/%u", print_address(low, e->family, e->low),
			  e->length);
		break;
	case AST_ADDRESS:
		text_add(t, print_address(low, e->family, e->low));
		if (e->low != e->high)
			text_addf(t, "-%s", print_address(high, e->family,
							  e->high));
		break;
	case AST_NUMBER:
		text_addf(t, "%llu", (unsigned long long)e->low);
		if (e->low != e->high)
			text_addf(t, "-%llu", (unsigned long long)e->high);
		break;
	}
}

char *print_element(struct arena *a, const struct ast_element *e)
{
	struct text t = { .arena = a };

	text_element(&t, e);
	return text_done(&t);
}
