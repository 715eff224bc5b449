/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_literal - addresses, prefixes, numbers and shares
 *
 * In: the text of one token, a NUL behind it. Out: its value. What cannot be
 * a value is reported with what was meant, if that can be guessed, and comes
 * out as some legal value so that the parser goes on.
 */
#include <arpa/inet.h>
#include <string.h>

#include "parse_state.h"
#include "parser.h"
#include "print.h"
#include "utf8.h"

enum { ADDRESS_TEXT_MAX = 64, SHOWN_MAX = 60 };

static int shown(size_t len)
{
	return len > SHOWN_MAX ? SHOWN_MAX : (int)len;
}

static bool to_address(const char *text, size_t len, struct ast_element *e)
{
	char copy[ADDRESS_TEXT_MAX];
	uint8_t bytes[16];

	e->family = memchr(text, ':', len) ? 6 : 4;
	e->low = 0;
	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(e->family == 6 ? AF_INET6 : AF_INET, copy, bytes) != 1)
		return false;
	for (int i = 0; i < (e->family == 6 ? 16 : 4); i++)
		e->low = e->low << 8 | bytes[i];
	return true;
}

/* What is most likely wrong with an IPv4 address. */
static const char *ip4_help(const char *text, size_t len)
{
	unsigned int parts = 1, value = 0, digits = 0;
	bool zero = false;

	if (memmem(text, len, "..", 2))
		return "a range is written with `-`";
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			parts++;
			value = digits = 0;
			zero = false;
			continue;
		}
		if (text[i] < '0' || text[i] > '9')
			return "an IPv4 address is four numbers; names are "
				"not looked up";
		zero |= text[i] == '0' && !digits;
		value = value * 10 + (unsigned int)(text[i] - '0');
		if (value > 255)
			return "each of the four numbers is 0 to 255";
		if (++digits > 1 && zero)
			return "write the numbers without leading zeros";
	}
	return parts == 4 ? NULL : "an IPv4 address is four numbers";
}

static void bad_address(struct parse *p, struct place at, const char *text,
			size_t len, int family)
{
	struct diag *g = diag_add(p->diags, DIAG_BAD_ADDRESS, &at,
				  "`%.*s` is not an IPv%d address", shown(len),
				  text, family);

	p->told = at.begin + 1;
	if (family == 4)
		g->help = ip4_help(text, len);
	else if (memchr(text, '%', len))
		g->help = "an interface is a clause of its own: `on \"eth0\"`";
	else
		g->help = "an IPv6 address is eight groups of up to four "
			"hexadecimal digits, one run of zero groups may be "
			"`::`";
}

void literal_address(struct parse *p, struct place at, const char *text,
		     size_t len, struct ast_element *e)
{
	memset(e, 0, sizeof(*e));
	e->kind = AST_ADDRESS;
	e->place = at;
	e->wrong = !to_address(text, len, e);
	if (e->wrong)
		bad_address(p, at, text, len, e->family);
	e->high = e->low;
}

/* The mask of the bits behind LENGTH. */
static u128 host_bits(const struct ast_element *e)
{
	unsigned int free = (e->family == 6 ? 128 : 32) - e->length;

	return free == 128 ? ~(u128)0 : ((u128)1 << free) - 1;
}

static void check_host_bits(struct parse *p, struct ast_element *e,
			    const char *text, size_t len)
{
	char network[46], host[46];
	struct diag *g;

	if (e->low & host_bits(e)) {
		print_address(host, e->family, e->low);
		e->low &= ~host_bits(e);
		print_address(network, e->family, e->low);
		g = diag_add(p->diags, DIAG_HOST_BITS, &e->place,
			     "`%.*s` has bits set behind its length",
			     shown(len), text);
		g->help = arena_printf(p->arena, "write `%s/%u` for the "
				       "network, `%s` for the one address",
				       network, e->length, host);
	}
	e->high = e->low | host_bits(e);
}

static void bad_length(struct parse *p, struct ast_element *e,
		       const char *text, size_t len)
{
	unsigned int most = e->family == 6 ? 128 : 32;
	struct diag *g = diag_add(p->diags, DIAG_PREFIX_LENGTH, &e->place,
				  "`%.*s` has no prefix length of an IPv%u "
				  "address", shown(len), text, e->family);

	g->label = arena_printf(p->arena, "0 to %u", most);
	e->length = (uint8_t)most;
}

/* "10/8": the help is the address with its zeros. */
static void short_prefix(struct parse *p, struct place at, const char *text,
			 size_t len)
{
	const char *slash = memchr(text, '/', len);
	struct diag *g = diag_add(p->diags, DIAG_BAD_ADDRESS, &at,
				  "`%.*s` is not a prefix", shown(len), text);

	p->told = at.begin + 1;
	if (slash - text <= 3)
		g->help = arena_printf(p->arena, "write all four numbers: "
				       "`%.*s.0.0.0%.*s`", (int)(slash - text),
				       text, shown(len), slash);
}

static bool length_of(const char *digits, const char *end, unsigned int most,
		      uint8_t *length)
{
	unsigned int v = 0;

	if (digits == end || (digits[0] == '0' && end - digits > 1))
		return false;
	for (; digits < end; digits++) {
		if (*digits < '0' || *digits > '9')
			return false;
		v = v * 10 + (unsigned int)(*digits - '0');
		if (v > most)
			return false;
	}
	*length = (uint8_t)v;
	return true;
}

void literal_prefix(struct parse *p, struct place at, const char *text,
		    size_t len, struct ast_element *e)
{
	const char *slash = memchr(text, '/', len);
	size_t n = (size_t)(slash - text);

	memset(e, 0, sizeof(*e));
	e->kind = AST_PREFIX;
	e->place = at;
	if (!memchr(text, '.', n) && !memchr(text, ':', n)) {
		e->family = 4;
		short_prefix(p, at, text, len);
	} else if (!to_address(text, n, e)) {
		bad_address(p, at, text, n, e->family);
	} else if (!length_of(slash + 1, text + len,
			      e->family == 6 ? 128 : 32, &e->length)) {
		bad_length(p, e, text, len);
	} else {
		check_host_bits(p, e, text, len);
	}
}

/* What a number at this place may be, as far as the words before it tell. */
static const char *number_range(const struct scan *s)
{
	bool inside = s->previous == T_NOT || s->previous == T_LBRACE;

	switch (inside ? s->before : s->previous) {
	case T_PORT:
		return "a port is 0 to 65535";
	case T_ON:
		return "an interface index is 1 to 2147483647";
	}
	return "a port is 0 to 65535, an interface index 1 to 2147483647";
}

void literal_integer(struct scan *s, struct place at, const char *text,
		     size_t len, struct ast_element *e)
{
	uint64_t v = 0;

	memset(e, 0, sizeof(*e));
	e->kind = AST_NUMBER;
	e->place = at;
	for (size_t i = 0; i < len && v <= UINT32_MAX; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	if (v > UINT32_MAX) {
		diag_add(s->parse->diags, DIAG_PORT_RANGE, &at,
			 "`%.*s` is too large a number", shown(len),
			 text)->label = number_range(s);
		e->wrong = true;
		v = 0;
	}
	e->low = e->high = v;
}

uint32_t literal_percent(struct parse *p, struct place at, const char *text,
			 size_t len)
{
	uint64_t v = 0, unit = 10000;	/* millionths in 1 % */
	bool fraction = false, exact = true;

	for (size_t i = 0; i + 1 < len && v <= 1000000; i++) {
		if (text[i] == '.') {
			fraction = true;
			continue;
		}
		if (fraction) {
			unit /= 10;
			exact &= unit || text[i] == '0';
			v += unit * (uint64_t)(text[i] - '0');
		} else {
			v = v * 10 + (uint64_t)(text[i] - '0') * unit;
		}
	}
	if (v > 1000000) {
		diag_add(p->diags, DIAG_SPLIT_SUM, &at,
			 "a share of more than 100 %%");
		v = 1000000;
	}
	if (!exact)
		diag_add(p->diags, DIAG_SYNTAX, &at,
			 "a share has at most four digits behind the point");
	return (uint32_t)v;
}

/* The first bad byte of TEXT, or NULL. A carriage return at its end is none. */
static const char *first_bad(const char *text, size_t len, bool comment)
{
	const char *end = text + len;
	uint32_t code;

	while (text < end) {
		size_t n = utf8_char(text, end, &code);

		if (!n || code == 0x7f || (code >= 0x80 && code < 0xa0) ||
		    (code < 0x20 && !(comment && code == '\t')))
			return text;
		text += n;
	}
	return NULL;
}

void literal_bad_byte(struct parse *p, struct place at, const char *text,
		      size_t len)
{
	struct diag *g;
	uint32_t code;
	size_t n = utf8_char(text, text + len, &code);

	g = diag_add(p->diags, DIAG_BAD_BYTE, &at,
		     "byte 0x%02x at offset %u has no place in a policy",
		     (uint8_t)*text, at.begin);
	if (n > 1)
		g->help = "letters beyond ASCII may stand in comments, "
			"descriptions and strings";
	else if (code == 0)
		g->help = "a policy is text; this looks like a binary file";
	else if (!n)
		g->help = "policies are UTF-8";
}

bool literal_check(struct parse *p, struct place at, const char *text,
		   size_t len, bool comment)
{
	const char *bad = first_bad(text, len, comment);

	if (!bad)
		return true;
	at.begin += (uint32_t)(bad - text);
	at.end = at.begin + 1;
	literal_bad_byte(p, at, bad, (size_t)(text + len - bad));
	return false;
}
