/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve_name - names of sockets, sets, maps and interfaces
 *
 * In: names as written. Out: symbols, or an error that says what is wrong:
 * nothing has this name (and what comes nearest), something of another kind
 * has it, or it has been given before. Sockets, sets and maps share one name
 * space, so that a message can always say what a name is.
 */
#include "resolve.h"

#include <string.h>

struct symtab_slot {
	const void *key;	/* NULL = free */
	size_t len;
	uint32_t hash, value;
};

static uint32_t hash_bytes(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = 0xcbf29ce484222325;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3;
	return h ^ h >> 32;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct symtab_slot *probe(const struct symtab *t, const void *key,
				 size_t len, uint32_t hash)
{
	size_t i = hash & (t->nslots - 1);

	for (;; i = (i + 1) & (t->nslots - 1)) {
		struct symtab_slot *s = &t->slots[i];

		if (!s->key)
			return s;
		if (s->hash == hash && s->len == len &&
		    !memcmp(s->key, key, len))
			return s;
	}
}

uint32_t symtab_find(const struct symtab *t, const void *key, size_t len)
{
	struct symtab_slot *s;

	if (!t->nslots)
		return SYMTAB_NONE;
	s = probe(t, key, len, hash_bytes(key, len));
	return s->key ? s->value : SYMTAB_NONE;
}

static void symtab_grow(struct arena *a, struct symtab *t)
{
	struct symtab old = *t;
	size_t i;

	t->nslots = old.nslots ? old.nslots * 2 : 64;
	t->slots = arena_array(a, t->nslots, sizeof(*t->slots));
	for (i = 0; i < old.nslots; i++) {
		struct symtab_slot *s = &old.slots[i];

		if (s->key)
			*probe(t, s->key, s->len, s->hash) = *s;
	}
}

uint32_t symtab_add(struct arena *a, struct symtab *t, const void *key,
		    size_t len, uint32_t value)
{
	uint32_t hash = hash_bytes(key, len);
	struct symtab_slot *s;

	if ((t->n + 1) * 4 > t->nslots * 3)
		symtab_grow(a, t);
	s = probe(t, key, len, hash);
	if (s->key)
		return s->value;
	s->key = arena_strndup(a, key, len);
	s->len = len;
	s->hash = hash;
	s->value = value;
	t->n++;
	return value;
}

static const char *const kind_name[] = {
	[SYMBOL_SOCKET] = "socket", [SYMBOL_SET] = "set", [SYMBOL_MAP] = "map",
};

void name_declare(struct resolver *r, enum symbol_kind kind, uint32_t index,
		  const struct ast_name *name)
{
	uint32_t number = r->nsymbols, old;
	struct symbol *s;
	struct diag *d;

	if (!name->text)
		return;
	old = symtab_add(r->a, &r->names, name->text, strlen(name->text),
			 number);
	if (old == number) {
		s = arena_push(r->a, r->symbols, r->nsymbols, r->symbols_cap);
		s->kind = kind;
		s->index = index;
		s->name = *name;
		s->used = false;
		return;
	}
	s = &r->symbols[old];
	d = diag_add(r->d, DIAG_DUPLICATE_NAME, &name->place,
		     "the name `%s` is already that of a %s", name->text,
		     kind_name[s->kind]);
	d->label = "a second definition";
	d->also.place = s->name.place;
	d->also.text = "the first";
	d->help = "sockets, sets and maps share one name space: rename one";
}

/*
 * What people write for a port number. Not for compiling with, only for the
 * help of an error: the language looks nothing up.
 */
static const struct service {
	const char *name;
	uint16_t port;
} services[] = {
	{ "ftp-data", 20 }, { "ftp", 21 }, { "ssh", 22 }, { "telnet", 23 },
	{ "smtp", 25 }, { "whois", 43 }, { "domain", 53 }, { "dns", 53 },
	{ "bootps", 67 }, { "bootpc", 68 }, { "dhcp", 67 }, { "tftp", 69 },
	{ "gopher", 70 }, { "finger", 79 }, { "http", 80 }, { "www", 80 },
	{ "kerberos", 88 }, { "pop3", 110 }, { "sunrpc", 111 },
	{ "nntp", 119 }, { "ntp", 123 }, { "imap", 143 }, { "snmp", 161 },
	{ "snmp-trap", 162 }, { "snmptrap", 162 }, { "bgp", 179 },
	{ "irc", 194 }, { "ldap", 389 }, { "https", 443 }, { "quic", 443 },
	{ "h3", 443 }, { "smtps", 465 }, { "submissions", 465 },
	{ "isakmp", 500 }, { "ike", 500 }, { "syslog", 514 }, { "ipp", 631 },
	{ "submission", 587 }, { "ldaps", 636 }, { "rsync", 873 },
	{ "dot", 853 }, { "domain-s", 853 }, { "doq", 853 }, { "imaps", 993 },
	{ "pop3s", 995 }, { "socks", 1080 }, { "openvpn", 1194 },
	{ "mssql", 1433 }, { "ms-sql-s", 1433 }, { "oracle", 1521 },
	{ "mqtt", 1883 }, { "radius", 1812 }, { "nfs", 2049 },
	{ "zookeeper", 2181 }, { "etcd", 2379 }, { "mysql", 3306 },
	{ "rdp", 3389 }, { "stun", 3478 }, { "turn", 3478 },
	{ "wireguard", 51820 }, { "svn", 3690 }, { "sip", 5060 },
	{ "sips", 5061 }, { "mdns", 5353 }, { "postgres", 5432 },
	{ "postgresql", 5432 }, { "amqp", 5672 }, { "amqps", 5671 },
	{ "vnc", 5900 }, { "x11", 6000 }, { "redis", 6379 },
	{ "http-alt", 8080 }, { "https-alt", 8443 }, { "mqtts", 8883 },
	{ "git", 9418 }, { "memcached", 11211 }, { "mongodb", 27017 },
};

static const struct service *service_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(services) / sizeof(*services); i++)
		if (!strcasecmp(services[i].name, name))
			return &services[i];
	return NULL;
}

static void say_service(struct resolver *r, const struct service *s,
			const char *text, const struct place *place,
			bool name_taken)
{
	struct diag *d;

	d = diag_add(r->d, DIAG_SERVICE_NAME, place,
		     "`%s` is not the name of a set, and services are not looked up",
		     text);
	d->label = "a number belongs here";
	if (name_taken)
		d->help = arena_printf(r->a, "write `%u`", s->port);
	else
		d->help = arena_printf(r->a, "write `%u`, or `set %s = { %u }`",
				       s->port, text, s->port);
}

static const char *nearest(struct resolver *r, enum symbol_kind kind,
			   const char *text)
{
	const char **names = arena_array(r->a, r->nsymbols, sizeof(*names));
	size_t i, n = 0;

	for (i = 0; i < r->nsymbols; i++)
		if (r->symbols[i].kind == kind)
			names[n++] = r->symbols[i].name.text;
	return diag_nearest(text, names, n);
}

static void say_undefined(struct resolver *r, enum symbol_kind kind,
			  const char *text, const struct place *place,
			  enum set_use use)
{
	const char *near = nearest(r, kind, text);
	struct diag *d;

	d = diag_add(r->d, DIAG_UNDEFINED_NAME, place,
		     "there is no %s `%s`", kind_name[kind], text);
	d->label = "not defined";
	if (near)
		d->help = arena_printf(r->a, "did you mean `%s`?", near);
	else if (kind == SYMBOL_SET && use == USE_ON)
		d->help = arena_printf(r->a, "the interface of this name is written `\"%s\"`",
				       text);
	else if (kind == SYMBOL_SET && use == USE_ADDRESS)
		d->help = "host names are not looked up: write addresses, or define a set";
}

static void say_kind(struct resolver *r, enum symbol_kind kind,
		     const struct symbol *s, const struct place *place)
{
	struct diag *d;

	d = diag_add(r->d, DIAG_KIND_MISMATCH, place,
		     "`%s` is a %s, and a %s belongs here", s->name.text,
		     kind_name[s->kind], kind_name[kind]);
	d->label = arena_printf(r->a, "not a %s", kind_name[kind]);
	d->also.place = s->name.place;
	d->also.text = arena_printf(r->a, "defined as a %s",
				    kind_name[s->kind]);
	if (kind == SYMBOL_SOCKET && s->kind == SYMBOL_MAP)
		d->help = arena_printf(r->a, "a map is asked with `-> map %s`",
				       s->name.text);
}

struct symbol *name_find(struct resolver *r, enum symbol_kind kind,
			 const char *text, const struct place *place,
			 enum set_use use)
{
	uint32_t i = symtab_find(&r->names, text, strlen(text));
	struct symbol *s = i == SYMTAB_NONE ? NULL : &r->symbols[i];
	const struct service *service;

	if (s)
		s->used = true;	/* even wrongly: one complaint is enough */
	if (s && s->kind == kind)
		return s;
	service = kind == SYMBOL_SET && use == USE_PORT ?
		service_find(text) : NULL;
	if (service)
		say_service(r, service, text, place, s);
	else if (s)
		say_kind(r, kind, s, place);
	else
		say_undefined(r, kind, text, place, use);
	return NULL;
}

void name_unused(struct resolver *r)
{
	size_t i;

	for (i = 0; i < r->nsymbols; i++) {
		const struct symbol *s = &r->symbols[i];
		struct diag *d;

		if (s->used)
			continue;
		d = diag_add(r->d, DIAG_UNUSED_NAME, &s->name.place,
			     "nothing uses the %s `%s`", kind_name[s->kind],
			     s->name.text);
		d->label = "never used";
	}
}

/* What the kernel's dev_valid_name() would refuse, no interface is called. */
static const char *bad_interface(const char *s)
{
	if (!*s)
		return "it is empty";
	if (strlen(s) > 15)
		return "an interface name has at most 15 bytes";
	if (!strcmp(s, ".") || !strcmp(s, ".."))
		return "the kernel allows no such name";
	if (strpbrk(s, "/: \t\r\v\f"))
		return "an interface name has no space, `/` or `:`";
	return NULL;
}

uint32_t name_interface(struct resolver *r, const struct ast_element *e)
{
	const char *why = bad_interface(e->text);
	uint32_t next = r->p->ninterfaces, i;

	if (why) {
		diag_add(r->d, DIAG_CONTRADICTION, &e->place,
			 "no interface can be named `%s`", e->text)->label = why;
		return 0;
	}
	i = symtab_add(r->a, &r->interfaces, e->text, strlen(e->text), next);
	if (i == next)
		*arena_push(r->a, r->p->interfaces, r->p->ninterfaces,
			    r->interfaces_cap) = e->text;
	return i + 1;
}
