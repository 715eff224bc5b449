/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify_program - two programs in the kernel: are they one
 *
 * In: the running program, and the same object loaded afresh. Out: what
 * differs. Maps have a role in a program (sockets, counters, events, tables);
 * two programs that name different maps of one role do the same.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "auto.h"
#include "load.h"
#include "slots.h"
#include "verify.h"

enum { MAPS_MAX = 8, BLINDED_REGISTER = 11 };

enum role { ROLE_NONE, ROLE_SOCKETS, ROLE_COUNTERS, ROLE_EVENTS, ROLE_TABLES };

struct side {			/* one of the two programs */
	int program;
	struct bpf_prog_info info;
	uint32_t maps[MAPS_MAX];
	enum role roles[MAPS_MAX];
	struct bpf_insn *insns;	/* NULL when they are hidden */
	size_t ninsns;
};

/* --------------------------------------------------------------- numbers */

static const json_t *find_interface(const json_t *list, const char *name)
{
	size_t i;
	json_t *e;

	json_array_foreach(list, i, e) {
		const char *n = json_string_value(json_object_get(e, "name"));

		if (n && name && !strcmp(n, name))
			return e;
	}
	return NULL;
}

/* The numbers that the running generation was given. */
static int fill_interfaces(struct verify *v, uint32_t *out)
{
	json_t *was = json_object_get(v->live.gen.meta, "interfaces"), *name;
	size_t i;

	json_array_foreach(json_object_get(v->object->manifest, "interfaces"),
			   i, name) {
		const json_t *e = find_interface(was, json_string_value(name));
		uint32_t index = (uint32_t)json_integer_value(
			json_object_get(e, "index"));

		if (!e || i >= v->object->ninterfaces)
			return -EUCLEAN;
		out[i] = index ? index : IMAGE_NO_INTERFACE;
	}
	return 0;
}

static int fill_slot(struct verify *v, const json_t *slot, const char *name,
		     uint32_t *out)
{
	json_t *was = json_object_get(v->live.gen.meta, "slots"), *e;
	struct slot_key want, k;
	uint32_t compiled, number;
	size_t i;

	if (!slot_parse(slot, name, &want, &compiled) ||
	    compiled >= v->object->nslots)
		return -EUCLEAN;
	json_array_foreach(was, i, e)
		if (slot_parse(e, NULL, &k, &number) &&
		    !memcmp(&k, &want, sizeof(k))) {
			out[compiled] = number;
			return 0;
		}
	return -EUCLEAN;
}

static int fill_slots(struct verify *v, uint32_t *out)
{
	json_t *socket, *slot;
	size_t i, k;
	int err = 0;

	json_array_foreach(json_object_get(v->object->manifest, "sockets"), i,
			   socket)
		json_array_foreach(json_object_get(socket, "slots"), k, slot)
			if (!err)
				err = fill_slot(v, slot, json_string_value(
					json_object_get(socket, "name")), out);
	return err;
}

int verify_load(struct verify *v, int sockets, struct loaded *out)
{
	size_t nslots = v->object->nslots;
	size_t ninterfaces = v->object->ninterfaces;
	AUTO_FREE uint32_t *slots = calloc(nslots + 1, sizeof(*slots));
	AUTO_FREE uint32_t *interfaces = calloc(ninterfaces + 1,
						sizeof(*interfaces));
	struct load_input in = {
		.object = v->object, .sockets = sockets, .slots = slots,
		.nslots = nslots, .interfaces = interfaces,
		.ninterfaces = ninterfaces,
	};

	if (!slots || !interfaces)
		return fail_memory(v->s);
	if (fill_slots(v, slots) || fill_interfaces(v, interfaces))
		return fail_system(v->s, -EUCLEAN, "the notes of generation %u "
				   "do not fit its object: apply the policy "
				   "again", v->live.gen.number);
	return load_program(v->s, &in, out);
}

/* --------------------------------------------------------------- programs */

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/* What a program has beside sockets, counters and events are its tables. */
static void give_roles(struct side *s, int sockets, int counters, int events)
{
	uint32_t ids[] = { [ROLE_SOCKETS] = map_id(sockets),
			   [ROLE_COUNTERS] = map_id(counters),
			   [ROLE_EVENTS] = map_id(events) };

	for (uint32_t i = 0; i < s->info.nr_map_ids && i < MAPS_MAX; i++) {
		s->roles[i] = ROLE_TABLES;
		for (int r = ROLE_SOCKETS; r <= ROLE_EVENTS; r++)
			if (ids[r] && s->maps[i] == ids[r])
				s->roles[i] = (enum role)r;
	}
}

static int look(struct verify *v, struct side *s, int program)
{
	__u32 len = sizeof(s->info);
	int err;

	s->program = program;
	s->info.nr_map_ids = MAPS_MAX;
	s->info.map_ids = (uintptr_t)s->maps;
	err = bpf_obj_get_info_by_fd(program, &s->info, &len);
	return err ? fail_bpf(v->s, err, "look at the program") : 0;
}

/* As the verifier left them; none when the kernel hides them. */
static int read_insns(struct verify *v, struct side *s)
{
	struct bpf_prog_info info = { .xlated_prog_len =
		s->info.xlated_prog_len };
	__u32 len = sizeof(info);

	if (!info.xlated_prog_len)
		return 0;
	s->insns = malloc(info.xlated_prog_len);
	if (!s->insns)
		return fail_memory(v->s);
	info.xlated_prog_insns = (uintptr_t)s->insns;
	if (bpf_obj_get_info_by_fd(s->program, &info, &len) ||
	    !info.xlated_prog_insns) {
		free(s->insns);
		s->insns = NULL;
	}
	s->ninsns = s->insns ? info.xlated_prog_len / sizeof(*s->insns) : 0;
	return 0;
}

static enum role role_of(const struct side *s, uint32_t id)
{
	for (uint32_t i = 0; i < s->info.nr_map_ids && i < MAPS_MAX; i++)
		if (s->maps[i] == id)
			return s->roles[i];
	return ROLE_NONE;
}

static bool names_map(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_DW | BPF_IMM) &&
		(i->src_reg == BPF_PSEUDO_MAP_FD ||
		 i->src_reg == BPF_PSEUDO_MAP_VALUE);
}

static bool same_insn(const struct side *a, const struct side *b, size_t i)
{
	const struct bpf_insn *x = &a->insns[i], *y = &b->insns[i];

	if (!names_map(x) || !names_map(y))
		return !memcmp(x, y, sizeof(*x));
	return x->src_reg == y->src_reg && x->dst_reg == y->dst_reg &&
		role_of(a, (uint32_t)x->imm) == role_of(b, (uint32_t)y->imm);
}

/* With bpf_jit_harden=2 constants are hidden behind random ones. */
static bool is_blinded(const struct side *s)
{
	for (size_t i = 0; i < s->ninsns; i++)
		if (s->insns[i].dst_reg == BLINDED_REGISTER ||
		    s->insns[i].src_reg == BLINDED_REGISTER)
			return true;
	return false;
}

static void compare_insns(struct verify *v, const struct side *running,
			  const struct side *fresh)
{
	size_t n = running->ninsns, i;

	if (!running->insns || !fresh->insns || is_blinded(running) ||
	    is_blinded(fresh)) {
		verify_unknown(v, "program", "the kernel hides the program's "
			       "instructions: only their hash was compared");
		return;
	}
	if (n != fresh->ninsns) {
		/* another verifier's guards, not another program */
		if (!handle_capable(CAP_PERFMON) &&
		    !handle_capable(CAP_SYS_ADMIN))
			verify_unknown(v, "program", "without CAP_PERFMON the "
				       "kernel adds guards: only the hash of "
				       "the instructions was compared");
		else
			verify_differs(v, "program", "%zu instructions run, "
				       "the object has %zu", n,
				       fresh->ninsns);
		return;
	}
	for (i = 0; i < n && same_insn(running, fresh, i); i++)
		;
	if (i < n)
		verify_differs(v, "program", "instruction %zu of %zu is "
			       "another", i, n);
}

/* ----------------------------------------------------------------- maps */

static bool has_role(const struct side *s, enum role r)
{
	for (uint32_t i = 0; i < s->info.nr_map_ids && i < MAPS_MAX; i++)
		if (s->roles[i] == r)
			return true;
	return false;
}

static void compare_roles(struct verify *v, const struct side *running,
			  const struct side *fresh)
{
	static const struct { enum role role; const char *name; } v_roles[] = {
		{ ROLE_SOCKETS, "sockets" }, { ROLE_COUNTERS, "counters" },
		{ ROLE_EVENTS, "events" }, { ROLE_TABLES, "tables" },
	};

	if (running->info.nr_map_ids != fresh->info.nr_map_ids)
		verify_differs(v, "maps", "the program uses %u maps, the "
			       "object's %u", running->info.nr_map_ids,
			       fresh->info.nr_map_ids);
	for (size_t i = 0; i < sizeof(v_roles) / sizeof(*v_roles); i++)
		if (has_role(fresh, v_roles[i].role) &&
		    !has_role(running, v_roles[i].role))
			verify_differs(v, "maps", "the program does not use "
				       "the map `%s` that is pinned for it",
				       v_roles[i].name);
}

/* The one value of the tables of S, or NULL; 0, or a negative errno. */
static int read_tables(const struct side *s, uint8_t **out, uint32_t *size)
{
	__u32 zero = 0;

	*out = NULL;
	*size = 0;
	for (uint32_t i = 0; i < s->info.nr_map_ids && i < MAPS_MAX; i++) {
		struct bpf_map_info info = { 0 };
		__u32 len = sizeof(info);
		AUTO_FD fd = -1;

		if (s->roles[i] != ROLE_TABLES)
			continue;
		fd = bpf_map_get_fd_by_id(s->maps[i]);
		if (fd < 0)
			return fd;
		if (bpf_obj_get_info_by_fd(fd, &info, &len) ||
		    info.type != BPF_MAP_TYPE_ARRAY || info.max_entries != 1)
			return 0;
		*out = malloc(info.value_size);
		*size = info.value_size;
		return !*out ? -ENOMEM : bpf_map_lookup_elem(fd, &zero, *out);
	}
	return 0;
}

static int compare_tables(struct verify *v, const struct side *running,
			  const struct side *fresh)
{
	AUTO_FREE uint8_t *a = NULL, *b = NULL;
	uint32_t na = 0, nb = 0, i;
	int err = read_tables(running, &a, &na);

	if (!err)
		err = read_tables(fresh, &b, &nb);
	if (err == -EPERM) {
		verify_unknown(v, "tables", "may not read the program's "
			       "tables: needs CAP_SYS_ADMIN");
		return 0;
	}
	if (err)
		return fail_bpf(v->s, err, "read the program's tables");
	for (i = 0; i < na && i < nb && a[i] == b[i]; i++)
		;
	if (na != nb || i < na)
		verify_differs(v, "tables", "byte %u of the tables is another "
			       "(%u bytes, the object has %u)", i, na, nb);
	return 0;
}

/* ------------------------------------------------------------------ both */

static int compare_sides(struct verify *v, struct side *running,
			 struct side *fresh)
{
	int err = read_insns(v, running);

	if (!err)
		err = read_insns(v, fresh);
	if (err)
		return err;
	if (memcmp(running->info.tag, fresh->info.tag, BPF_TAG_SIZE))
		verify_differs(v, "program", "the kernel's hash of its "
			       "instructions is another");
	compare_roles(v, running, fresh);
	compare_insns(v, running, fresh);
	return compare_tables(v, running, fresh);
}

int verify_loaded(struct verify *v, int sockets, const struct loaded *l)
{
	const struct generation *g = &v->live.gen;
	struct side running = { .program = -1 }, fresh = { .program = -1 };
	int err = look(v, &running, g->program);

	if (!err)
		err = look(v, &fresh, l->program);
	give_roles(&running, sockets, g->counters, g->events);
	give_roles(&fresh, sockets, l->counters, l->events);
	if (!err)
		err = compare_sides(v, &running, &fresh);
	free(running.insns);
	free(fresh.insns);
	return err;
}

int verify_program(struct verify *v)
{
	struct loaded l = { -1, -1, -1 };
	struct slots slots;
	int err;

	if (v->live.gen.program < 0) {
		verify_differs(v, "program", "the pin of the program is gone");
		return 0;
	}
	err = slots_open(v->s, &slots, false);
	if (err) {
		verify_differs(v, "maps", "the table of sockets is gone or "
			       "damaged");
		return 0;
	}
	err = verify_load(v, slots.sockets, &l);
	if (!err)
		err = verify_loaded(v, slots.sockets, &l);
	load_close(&l);
	slots_close(&slots);
	return err;
}
