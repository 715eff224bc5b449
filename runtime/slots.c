/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots - which place in the socket map belongs to which name
 *
 * In: the two maps of a namespace. Out: names and slots in memory, changes
 * written through at once. Promise: a slot goes to a name by an insertion
 * that fails if the name is there, after every other name's slot is known.
 */
#include "slots.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "generation.h"
#include "state.h"

enum { READ_TRIES = 3 };

struct slot_key slot_key(const char *name, uint8_t protocol, uint8_t family)
{
	struct slot_key k = { .protocol = protocol, .family = family };

	strncpy(k.name, name, sizeof(k.name) - 1);
	return k;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct slot_key));
}

static bool is_used(const struct slots *t, uint32_t slot)
{
	return t->used[slot / 8] >> (slot % 8) & 1;
}

static int add(struct skpol *s, struct slots *t, const struct slot_key *k,
	       uint32_t slot)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct slot *v = realloc(t->v, cap * sizeof(*v));

		if (!v)
			return fail_memory(s);
		t->v = v;
		t->cap = cap;
	}
	t->v[t->n++] = (struct slot){ .key = *k, .slot = slot };
	t->used[slot / 8] |= (uint8_t)(1 << slot % 8);
	return 0;
}

void slots_sort(struct slots *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), compare_keys);
	t->sorted = t->n;
}

/* The entry that has this slot already: K itself, or another name. */
static bool is_known(const struct slots *t, const struct slot_key *k)
{
	for (size_t i = 0; i < t->n; i++)
		if (!compare_keys(k, &t->v[i].key))
			return true;
	return false;
}

static int read_name(struct skpol *s, struct slots *t,
		     const struct slot_key *k)
{
	struct slot_value value;
	int err = bpf_map_lookup_elem(t->names, k, &value);

	if (err == -ENOENT)		/* a reader: it was freed just now */
		return 0;
	if (err)
		return fail_bpf(s, err, "read the table of sockets");
	if (value.slot < SLOTS_MAX && !k->name[sizeof(k->name) - 1] &&
	    !is_used(t, value.slot))
		return add(s, t, k, value.slot);
	/* the walk begins anew when the entry it stands on is deleted */
	if (value.slot < SLOTS_MAX && is_known(t, k))
		return 0;
	return fail_system(s, -EUCLEAN, "the table of sockets is damaged (slot "
			   "%u of `%.63s`): `skpol remove --sockets`, then "
			   "apply and register again", value.slot, k->name);
}

static int read_names(struct skpol *s, struct slots *t)
{
	struct slot_key k, *previous = NULL;
	int err = 0;

	while (!err && !bpf_map_get_next_key(t->names, previous, &k)) {
		err = read_name(s, t, &k);
		previous = &k;
	}
	if (!err)
		slots_sort(t);
	return err;
}

static int create_map(struct skpol *s, const char *name,
		      enum bpf_map_type type, __u32 key, __u32 value,
		      __u32 entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, o,
		    .map_flags = type == BPF_MAP_TYPE_HASH ?
			BPF_F_NO_PREALLOC : 0);
	AUTO_FD fd = bpf_map_create(type, name, key, value, entries, &o);
	int err;

	if (fd < 0)
		return fail_bpf(s, fd, "make a map");
	err = pin_put(s, fd, name);
	return err ? err : take_fd(&fd);
}

/* The sockets of a namespace whose pin is gone, by what else holds them. */
static int rescue_sockets(struct skpol *s)
{
	struct generation g;
	AUTO_FD fd = -1;
	int err = generation_newest(s, &g);

	if (err && err != -ENOENT)
		return err;
	fd = take_fd(&g.sockets);
	generation_close(&g);
	if (fd < 0)
		return create_map(s, "sockets", BPF_MAP_TYPE_SOCKMAP,
				  sizeof(__u32), sizeof(__u64),
				  IMAGE_PLACES * SLOTS_MAX);
	note(s, "the pin of the socket map was gone: put back");
	err = pin_put(s, fd, "sockets");
	/* the generation's descriptor is one to read */
	return err ? err : pin_get(s, "sockets");
}

/*
 * The names as the newest generation knows them, after their pin was deleted.
 * Sockets that were registered for any other name are let go, or else the next
 * name would inherit them.
 */
static int rescue_names(struct skpol *s, struct slots *t)
{
	struct generation g;
	json_t *j;
	size_t i;
	int err = generation_newest(s, &g);

	if (err)
		return err == -ENOENT ? 0 : err;
	json_array_foreach(json_object_get(g.meta, "slots"), i, j) {
		struct slot_value value = { 0 };
		struct slot_key k;

		if (slot_parse(j, NULL, &k, &value.slot) && !err)
			err = bpf_map_update_elem(t->names, &k, &value,
						  BPF_ANY);
		if (!err)
			t->used[value.slot / 8] |= 1 << value.slot % 8;
	}
	generation_close(&g);
	if (err)
		return fail_bpf(s, err, "write the table of sockets");
	for (uint32_t slot = 0; slot < SLOTS_MAX; slot++)
		if (!is_used(t, slot))
			slot_clear(t, slot, NULL);
	memset(t->used, 0, SLOTS_MAX / 8);
	note(s, "the pin of the table of sockets was gone: made again");
	return 0;
}

/* How many entries FD has, if it is of the shape that we read and write. */
static __u32 entries_of(int fd, __u32 key, __u32 value)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.key_size != key ||
	    info.value_size != value || info.max_entries % SLOTS_MAX ||
	    info.max_entries > IMAGE_PLACES * SLOTS_MAX)
		return 0;
	return info.max_entries;
}

static int open_map(struct skpol *s, const char *name, bool writer, __u32 key,
		    __u32 value)
{
	AUTO_FD fd = writer ? pin_get(s, name) : pin_get_readonly(s, name);

	if (fd == -ENOENT)
		return fd;
	if (fd < 0)
		return fail_bpf(s, fd, "open the table of sockets");
	if (!entries_of(fd, key, value))
		return fail_system(s, -EUCLEAN, "%s/%s is not what skpol put "
				   "there: delete it", s->dir, name);
	return take_fd(&fd);
}

static int open_maps(struct skpol *s, struct slots *t, bool create)
{
	t->sockets = open_map(s, "sockets", create, sizeof(__u32),
			      sizeof(__u64));
	if (t->sockets == -ENOENT && create)
		t->sockets = rescue_sockets(s);
	if (t->sockets < 0)
		return t->sockets;
	t->places = entries_of(t->sockets, sizeof(__u32), sizeof(__u64)) /
		SLOTS_MAX;
	t->names = open_map(s, "names", create, sizeof(struct slot_key),
			    sizeof(struct slot_value));
	if (t->names != -ENOENT || !create)
		return t->names < 0 ? t->names : 0;
	t->names = create_map(s, "names", BPF_MAP_TYPE_HASH,
			      sizeof(struct slot_key),
			      sizeof(struct slot_value), SLOTS_MAX);
	return t->names < 0 ? t->names : rescue_names(s, t);
}

static int open_once(struct skpol *s, struct slots *t, bool create)
{
	int err;

	*t = (struct slots){ .sockets = -1, .names = -1 };
	t->used = calloc(SLOTS_MAX / 8, 1);
	err = t->used ? open_maps(s, t, create) : fail_memory(s);
	if (!err)
		err = read_names(s, t);
	if (err)
		slots_close(t);
	return err;
}

int slots_open(struct skpol *s, struct slots *t, bool create)
{
	int err = open_once(s, t, create);

	/* a reader holds no lock: a slot may move on to another name */
	for (int i = 0; !create && err == -EUCLEAN && i < READ_TRIES; i++)
		err = open_once(s, t, create);
	return err;
}

/* Maps that are gone at the end. */
static int open_nothing(struct skpol *s, struct slots *t)
{
	*t = (struct slots){ .sockets = -1, .names = -1,
			     .places = IMAGE_PLACES };
	t->used = calloc(SLOTS_MAX / 8, 1);
	if (!t->used)
		return fail_memory(s);
	t->sockets = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "sockets",
				    sizeof(__u32), sizeof(__u64),
				    SLOTS_MAX * IMAGE_PLACES, NULL);
	if (t->sockets >= 0)
		return 0;
	free(t->used);
	t->used = NULL;
	return fail_bpf(s, t->sockets, "make a map");
}

int slots_open_dry(struct skpol *s, struct slots *t)
{
	int err = slots_open(s, t, false);

	if (err == -ENOENT)
		err = open_nothing(s, t);
	t->dry = true;
	return err;
}

void slots_close(struct slots *t)
{
	if (t->sockets >= 0)
		close(t->sockets);
	if (t->names >= 0)
		close(t->names);
	free(t->v);
	free(t->used);
	*t = (struct slots){ .sockets = -1, .names = -1 };
}

static const struct slot *find_sorted(const struct slots *t,
				      const struct slot_key *k)
{
	return t->sorted ? bsearch(k, t->v, t->sorted, sizeof(*t->v),
				   compare_keys) : NULL;
}

const struct slot *slot_find(const struct slots *t, const struct slot_key *k)
{
	const struct slot *found = find_sorted(t, k);

	for (size_t i = t->sorted; !found && i < t->n; i++)
		if (!compare_keys(k, &t->v[i].key))
			found = &t->v[i];
	return found;
}

int64_t slot_take(struct skpol *s, struct slots *t, const struct slot_key *k)
{
	const struct slot *found = find_sorted(t, k);
	struct slot_value value = { 0 };
	int err;

	if (found)
		return found->slot;
	while (t->next < SLOTS_MAX && is_used(t, t->next))
		t->next++;
	if (t->next == SLOTS_MAX)
		return fail_system(s, -ENOSPC, "all %d places for sockets of "
				   "this namespace are taken: unregister some",
				   SLOTS_MAX);
	value.slot = t->next;
	err = t->dry ? 0 : bpf_map_update_elem(t->names, k, &value,
					       BPF_NOEXIST);
	if (err == -EEXIST && (found = slot_find(t, k)))
		return found->slot;	/* taken since the last sort */
	if (err)
		return fail_bpf(s, err, "write the table of sockets");
	err = add(s, t, k, value.slot);
	return err ? err : (int64_t)value.slot;
}

json_t *slot_print(const struct slot_key *k, uint32_t slot)
{
	return json_pack("{s:s, s:s, s:s, s:i}", "name", k->name, "protocol",
			 protocol_name(k->protocol), "family",
			 family_name(k->family), "slot", (int)slot);
}

bool slot_parse(const json_t *j, const char *name, struct slot_key *k,
		uint32_t *slot)
{
	const char *protocol, *family;
	json_int_t number;

	if ((!name && json_unpack((json_t *)j, "{s:s}", "name", &name)) ||
	    json_unpack((json_t *)j, "{s:s, s:s, s:I}", "protocol", &protocol,
			"family", &family, "slot", &number) ||
	    strlen(name) >= sizeof(k->name) || number < 0 ||
	    number >= SLOTS_MAX)
		return false;
	*k = slot_key(name, strcmp(protocol, "tcp") ? IPPROTO_UDP :
		      IPPROTO_TCP, strcmp(family, "ip4") ? 6 : 4);
	*slot = (uint32_t)number;
	return true;
}

uint64_t slot_place(const struct slots *t, uint32_t slot, uint32_t place)
{
	uint32_t key = slot + place * SLOTS_MAX;
	uint64_t cookie;

	return bpf_map_lookup_elem(t->sockets, &key, &cookie) ? 0 : cookie;
}

uint64_t slot_cookie(const struct slots *t, uint32_t slot)
{
	uint64_t cookie = 0;

	for (uint32_t k = 0; !cookie && k < t->places; k++)
		cookie = slot_place(t, slot, k);
	return cookie;
}

int slot_put(const struct slots *t, uint32_t slot, uint32_t place, int fd,
	     uint64_t flags)
{
	uint32_t key = slot + place * SLOTS_MAX;
	uint64_t value = (uint64_t)fd;
	int err;

	if (fd >= 0)
		return bpf_map_update_elem(t->sockets, &key, &value, flags);
	err = bpf_map_delete_elem(t->sockets, &key);
	return err == -EINVAL || err == -ENOENT ? 0 : err;
}

int slot_clear(const struct slots *t, uint32_t slot, bool *any)
{
	int err = 0;

	if (any)
		*any = false;
	for (uint32_t k = t->places; !err && k-- > 0;) {
		if (any)
			*any |= slot_place(t, slot, k) != 0;
		err = slot_put(t, slot, k, -1, 0);
	}
	return err;
}

/* Marks what generation G names. */
static void mark(struct slots *t, const struct generation *g)
{
	json_t *slot;
	size_t i;

	json_array_foreach(json_object_get(g->meta, "slots"), i, slot) {
		const struct slot *found;
		struct slot_key k;
		uint32_t number;

		if (!slot_parse(slot, NULL, &k, &number))
			continue;
		found = slot_find(t, &k);
		if (found)
			t->v[found - t->v].wanted = true;
	}
}

static int mark_all(struct skpol *s, struct slots *t)
{
	AUTO_FREE uint32_t *numbers = NULL;
	size_t n;
	int err = generation_list(s, &numbers, &n);

	for (size_t i = 0; !err && i < n; i++) {
		struct generation g;

		err = generation_open(s, numbers[i], &g);
		if (!err) {
			mark(t, &g);
			generation_close(&g);
		}
	}
	return err;
}

static int forget(struct skpol *s, struct slots *t, const struct slot *e)
{
	int err = bpf_map_delete_elem(t->names, &e->key);

	if (err)
		return fail_bpf(s, err, "write the table of sockets");
	t->used[e->slot / 8] &= (uint8_t)~(1 << e->slot % 8);
	return 0;
}

int slots_collect(struct skpol *s, struct slots *t)
{
	size_t kept = 0;
	int err;

	slots_sort(t);
	t->next = 0;
	for (size_t i = 0; i < t->n; i++)
		t->v[i].wanted = false;
	err = mark_all(s, t);
	for (size_t i = 0; i < t->n; i++) {
		bool keep = err || t->v[i].wanted ||
			slot_cookie(t, t->v[i].slot);

		if (!keep)
			err = forget(s, t, &t->v[i]);
		if (keep || err)
			t->v[kept++] = t->v[i];
	}
	t->n = t->sorted = kept;
	return err;
}
