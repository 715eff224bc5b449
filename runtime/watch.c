/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch - notices sockets that vanish and come back, and fills their slots
 *
 * In: the table of sockets, sock_diag. Out: seats, each with what it holds and
 * what belongs there; events for what has changed since the last look.
 */
#include "watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auto.h"
#include "generation.h"
#include "state.h"
#include "watch_private.h"

enum { FORGET_MS = 60000, REST_MAX_MS = 2000 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------- telling */

const char *watch_kind_name(enum watch_kind k)
{
	static const char *const names[] = {
#define X(id, name) [WATCH_##id] = name,
		WATCH_EVENTS(X)
#undef X
	};

	return names[k];
}

void watch_tell(struct watch *w, enum watch_kind kind, const struct seat *e,
		const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	size_t n = 0;
	va_list ap;

	if (e)
		n = (size_t)snprintf(text, sizeof(text), "%s: %s over %s: ",
				     e->key.name,
				     protocol_name(e->key.protocol),
				     family_name(e->key.family));
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	w->event(w->ctx, &(struct watch_event){
		.kind = kind, .name = e ? e->key.name : NULL,
		.protocol = e ? e->key.protocol : 0,
		.family = e ? e->key.family : 0, .text = text });
}

static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u;

	while (*text)
		h = (h ^ (uint8_t)*text++) * 16777619u;
	return h;
}

/* Said once a minute, however often it happens. */
static void tell_once(struct watch *w, enum watch_kind kind, const char *text)
{
	const size_t max = sizeof(w->said) / sizeof(*w->said);
	uint32_t h = hash(text);

	if (now_ms() >= w->forget) {
		w->nsaid = 0;
		w->forget = now_ms() + FORGET_MS;
	}
	for (size_t i = 0; i < w->nsaid; i++)
		if (w->said[i] == h)
			return;
	if (w->nsaid == max)
		return;
	w->said[w->nsaid++] = h;
	watch_tell(w, kind, NULL, "%s", text);
}

void watch_trouble(struct watch *w, const char *text)
{
	tell_once(w, WATCH_TROUBLE, text);
}

static void take_note(void *ctx, const char *text)
{
	tell_once(ctx, WATCH_NOTE, text);
}

/* ------------------------------------------------------------- sockets */

static int compare_places(const void *a, const void *b)
{
	const struct diag_socket *x = *(const struct diag_socket *const *)a;
	const struct diag_socket *y = *(const struct diag_socket *const *)b;

	return memcmp(&x->local, &y->local, sizeof(x->local));
}

static void forget_sockets(struct watch *w)
{
	free(w->all);
	free(w->by_place);
	w->all = NULL;
	w->by_place = NULL;
	w->nall = 0;
}

static int list_sockets(struct watch *w)
{
	int err;

	if (w->by_place)
		return 0;
	err = sockdiag_list(w->s, &w->all, &w->nall);
	if (err)
		return err;
	w->by_place = calloc(w->nall + 1, sizeof(*w->by_place));
	if (!w->by_place)
		return fail_memory(w->s);
	for (size_t i = 0; i < w->nall; i++)
		w->by_place[i] = &w->all[i];
	qsort(w->by_place, w->nall, sizeof(*w->by_place), compare_places);
	return 0;
}

/* The first socket that is bound to E. */
static size_t first_at(const struct watch *w, const struct endpoint *e)
{
	size_t low = 0, high = w->nall;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(&w->by_place[mid]->local, e, sizeof(*e)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ------------------------------------------------------------- seats */

static bool has_room(const struct seat *e)
{
	for (uint32_t i = 0; i < IMAGE_PLACES; i++)
		if (!e->held[i])
			return true;
	return false;
}

static bool is_empty(const struct seat *e)
{
	for (uint32_t i = 0; i < IMAGE_PLACES; i++)
		if (e->held[i])
			return false;
	return true;
}

bool seat_holds(const struct seat *e, uint64_t cookie)
{
	for (uint32_t i = 0; i < IMAGE_PLACES; i++)
		if (e->held[i] == cookie)
			return true;
	return false;
}

static bool is_like(const struct diag_socket *a, const struct diag_socket *b)
{
	return a->protocol == b->protocol && a->family == b->family &&
		a->v6only == b->v6only && a->device == b->device &&
		a->uid == b->uid && endpoint_equal(&a->local, &b->local);
}

bool seat_takes(const struct seat *e, const struct diag_socket *d)
{
	if (d->protocol != e->key.protocol)
		return false;
	if (e->where.cookie && is_like(&e->where, d))
		return true;
	return is_empty(e) && e->at.port &&
		endpoint_equal(&e->at, &d->local) &&
		(d->family == e->key.family || (d->family == 6 && !d->v6only));
}

static bool is_awaited(const struct watch *w, const struct seat *e,
		       const struct endpoint *at)
{
	for (size_t i = first_at(w, at); i < w->nall &&
	     endpoint_equal(&w->by_place[i]->local, at); i++)
		if (seat_takes(e, w->by_place[i]) &&
		    !seat_holds(e, w->by_place[i]->cookie))
			return true;
	return false;
}

static void look_for(const struct watch *w, struct seat *e)
{
	e->wanted = !e->released && has_room(e) &&
		((e->where.cookie && is_awaited(w, e, &e->where.local)) ||
		 (e->at.port && is_awaited(w, e, &e->at)));
}

/* What E held and holds no longer: gone, or taken out alive. */
static void tell_lost(struct watch *w, struct seat *e,
		      const uint64_t before[IMAGE_PLACES])
{
	char at[ENDPOINT_TEXT_MAX] = "an unknown address";
	size_t gone = 0, alive = 0;

	for (uint32_t i = 0; i < IMAGE_PLACES; i++) {
		if (!before[i] || seat_holds(e, before[i]))
			continue;
		if (sockdiag_find(w->all, w->nall, before[i]))
			alive++;
		else
			gone++;
	}
	if (e->where.cookie)
		endpoint_print(&e->where.local, at);
	if (alive && is_empty(e)) {
		e->released = true;
		watch_tell(w, WATCH_RELEASED, e, "unregistered: left alone "
			   "until it is registered again");
	} else if (gone && is_empty(e)) {
		watch_tell(w, WATCH_EMPTY, e, "the socket at %s is gone, and "
			   "the slot empty: `else` decides", at);
	} else if (gone) {
		watch_tell(w, WATCH_VANISHED, e, "%zu socket%s of the group at "
			   "%s %s gone; others serve", gone, gone == 1 ? "" :
			   "s", at, gone == 1 ? "is" : "are");
	}
}

/* Remembers where the socket is that was put there, by whomever. */
static void learn(struct watch *w, struct seat *e,
		  const uint64_t before[IMAGE_PLACES])
{
	for (uint32_t i = IMAGE_PLACES; i-- > 0;) {
		const struct diag_socket *d;
		bool known = !e->held[i];

		for (uint32_t j = 0; j < IMAGE_PLACES; j++)
			known |= before[j] == e->held[i];
		d = known ? NULL : sockdiag_find(w->all, w->nall, e->held[i]);
		if (d) {
			e->where = *d;
			e->released = false;
		}
	}
}

/* One slot of the table; true when it is not as it was. */
static bool read_seat(const struct slots *t, const struct seat *old,
		      const struct slot *slot, struct seat *e)
{
	*e = old ? *old : (struct seat){ .key = slot->key };
	e->slot = slot->slot;
	e->wanted = false;
	for (uint32_t i = 0; i < t->places; i++)
		e->held[i] = slot_place(t, slot->slot, i);
	return memcmp(e->held, old ? old->held : (uint64_t[IMAGE_PLACES]){ 0 },
		      sizeof(e->held)) != 0;
}

static int compare_seats(const void *a, const void *b)
{
	return memcmp(&((const struct seat *)a)->key,
		      &((const struct seat *)b)->key, sizeof(struct slot_key));
}

static struct seat *find_seat(const struct watch *w, const struct slot_key *k)
{
	struct seat key = { .key = *k };

	return w->n ? bsearch(&key, w->seats, w->n, sizeof(key),
			      compare_seats) : NULL;
}

static int read_changes(struct watch *w, struct seat *seats, size_t n)
{
	static const uint64_t none[IMAGE_PLACES];
	int err = list_sockets(w);

	for (size_t i = 0; !err && i < n; i++) {
		const struct seat *old = find_seat(w, &seats[i].key);
		const uint64_t *before = old ? old->held : none;

		if (!memcmp(before, seats[i].held, sizeof(none)))
			continue;
		tell_lost(w, &seats[i], before);
		learn(w, &seats[i], before);
		w->next_scan = 0;	/* others of a group, perhaps */
	}
	return err;
}

/* Takes over the table as it is now, and tells what has changed. */
static int read_seats(struct watch *w)
{
	struct slots t;
	struct seat *seats;
	bool changed = false;
	int err = slots_open(w->s, &t, false);
	size_t n = t.n;

	if (err)
		return err;
	seats = calloc(n + 1, sizeof(*seats));
	for (size_t i = 0; seats && i < n; i++)
		changed |= read_seat(&t, find_seat(w, &t.v[i].key), &t.v[i],
				     &seats[i]);
	slots_close(&t);
	if (!seats)
		return fail_memory(w->s);
	if (changed)
		err = read_changes(w, seats, n);
	if (err) {
		free(seats);
		return err;
	}
	free(w->seats);
	w->seats = seats;
	w->n = n;
	return 0;
}

/* ------------------------------------------------------------- policy */

static void read_at(struct watch *w, const json_t *slots)
{
	json_t *j;
	size_t i;

	for (i = 0; i < w->n; i++)
		w->seats[i].at.port = 0;
	json_array_foreach(slots, i, j) {
		const char *at = json_string_value(json_object_get(j, "at"));
		struct slot_key k;
		struct seat *e;
		uint32_t slot;

		e = at && slot_parse(j, NULL, &k, &slot) ? find_seat(w, &k) :
			NULL;
		if (e && !endpoint_parse(at, &e->at))
			e->at.port = 0;
	}
}

/* The `at` of the policy that runs, when it is another than before. */
static int read_policy(struct watch *w)
{
	struct link_view link;
	struct live live;
	int err = link_view(w->s, &link);

	if (err)
		return err;
	link_close(&link);
	if (link.program_id == w->program)
		return 0;
	err = live_find(w->s, &live);
	if (err)
		return err;
	read_at(w, json_object_get(live.gen.meta, "slots"));
	w->program = live.link.program_id;
	w->next_scan = 0;
	live_close(&live);
	return 0;
}

/* ------------------------------------------------------------- ticking */

static int enforce(struct watch *w)
{
	bool changed = false;
	int64_t left = -1;
	int err = skpol_confirm_enforce(w->s, &left, &changed);

	if (err && err != -ENOENT)
		watch_trouble(w, skpol_message(w->s));
	if (!err && changed)
		watch_tell(w, WATCH_ROLLED_BACK, NULL, "the policy was not "
			   "confirmed in time, and is rolled back");
	return !err && left >= 0 && left < WATCH_TICK_MS ? (int)left + 1 :
		WATCH_TICK_MS;
}

/* Whether a slot is empty, and it is known who belongs there. */
static bool any_missed(const struct watch *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct seat *e = &w->seats[i];

		if (!e->released && (e->where.cookie || e->at.port) &&
		    is_empty(e))
			return true;
	}
	return false;
}

static int scan(struct watch *w)
{
	int64_t now = now_ms();
	bool any = false;
	int err;

	if (now < w->next_scan && !any_missed(w))
		return 0;
	err = list_sockets(w);
	if (err)
		return err;
	w->next_scan = now + WATCH_SCAN_MS;
	for (size_t i = 0; i < w->n; i++) {
		look_for(w, &w->seats[i]);
		any |= w->seats[i].wanted;
	}
	if (any)
		watch_fill(w);
	return 0;
}

/* So that looking at many thousand slots takes a twentieth of the time. */
static int rest(int wait, int64_t spent)
{
	int64_t least = 20 * spent < REST_MAX_MS ? 20 * spent : REST_MAX_MS;

	return wait == WATCH_TICK_MS && wait < least ? (int)least : wait;
}

int watch_tick(struct watch *w)
{
	int64_t start = now_ms();
	int wait = enforce(w), err = read_seats(w);

	if (err == -ENOENT) {	/* nothing was ever applied or registered */
		w->n = 0;
		w->program = 0;
		err = 0;
	} else {
		err = err ? err : read_policy(w);
		err = err ? err : scan(w);
	}
	if (err)
		watch_trouble(w, skpol_message(w->s));
	forget_sockets(w);
	return rest(wait, now_ms() - start);
}

/* Opens what a fill opens, and makes a map. */
static int try_access(struct skpol *s)
{
	struct link_view link;
	struct slots t;
	int err = link_quiesce(s);

	err = err ? err : state_find(s);
	if (err)
		return err;
	err = link_view(s, &link);
	if (err)
		return err;
	link_close(&link);
	err = slots_open(s, &t, false);
	if (!err)
		slots_close(&t);
	return err;
}

int watch_allowed(struct watch *w)
{
	int err;

	handle_begin(w->s);
	err = try_access(w->s);
	return err == -EPERM || err == -EACCES ? err : 0;
}

struct watch *watch_open(struct skpol *s,
			 void (*event)(void *ctx, const struct watch_event *e),
			 void *ctx)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->s = s;
	w->event = event;
	w->ctx = ctx;
	w->old_note = s->note;
	w->old_ctx = s->ctx;
	s->note = take_note;
	s->ctx = w;
	return w;
}

void watch_close(struct watch *w)
{
	w->s->note = w->old_note;
	w->s->ctx = w->old_ctx;
	forget_sockets(w);
	free(w->seats);
	free(w);
}
