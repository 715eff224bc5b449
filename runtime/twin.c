/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twin - a copy of the running program that may be asked without being counted
 *
 * In: manifest and notes of the live generation. Out: the program again. What
 * the manifest keeps is the policy in normal form: its instructions are those
 * of the original, of its tables only the hash of the text is another, and
 * that is put back.
 */
#include "twin.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "../compiler/interp.h"
#include "auto.h"
#include "plan.h"
#include "slots.h"
#include "state.h"
#include "testrun.h"

static json_t *manifest(const struct twin *t)
{
	return t->verify.live.gen.manifest;
}

static struct compile_options options_of(const struct twin *t)
{
	const json_t *text = json_object_get(manifest(t), "text");
	struct compile_options o = {
		.until = COMPILE_ALL, .no_proof = true, .no_lint = true,
		.name = "policy", .text = json_string_value(text),
		.size = json_string_length(text),
	};

	compile_options_like(&o, json_object_get(manifest(t), "options"));
	return o;
}

static void put_back_hash(struct twin *t)
{
	struct image *m = t->compiled.image;
	const struct image_variable *v = image_variable(m,
						"bpf_metadata_skpol_source");
	const json_t *hash = json_object_get(manifest(t), "sha256");

	if (v && json_string_length(hash) < v->size)
		memcpy(m->rodata + v->offset, json_string_value(hash),
		       json_string_length(hash));
}

static int make_object(struct twin *t)
{
	struct compile_options o = options_of(t);
	struct skpol *s = t->verify.s;
	AUTO_FREE void *bytes = NULL;
	char error[OBJFILE_ERROR_MAX] = "";
	size_t size;
	int err = compile(&t->compiled, "policy", &o);

	if (err)
		return fail_system(s, err, "cannot compile the text of the "
				   "running policy: %s", strerror(-err));
	t->is_compiled = true;
	if (t->compiled.diags.nerrors || !t->compiled.image)
		return fail_system(s, -EUCLEAN, "this skpol does not compile "
				   "the text of the running policy, which "
				   "another one did: apply it again");
	put_back_hash(t);
	err = compile_object(&t->compiled, &o, &bytes, &size, error);
	if (!err)
		err = objfile_from_bytes(bytes, size, &t->object, error);
	return err == -ENOMEM ? fail_memory(s) : err ?
		fail_internal(s, err, "the running policy, compiled again: "
			      "%s", error) : 0;
}

static int find_live(struct twin *t)
{
	struct skpol *s = t->verify.s;
	struct live *live = &t->verify.live;
	int err = state_find(s);

	if (!err)
		err = live_find(s, live);
	if (err && err != -ENOENT)
		return err;
	if (err || !live->gen.number)
		return fail_input(s, -ENOENT, "no policy runs here: `skpolc "
				  "explain` asks one that does not");
	return generation_read_manifest(s, &live->gen);
}

/* A profile orders compares, so nothing can be held against each other. */
static int compare(struct twin *t)
{
	if (json_object_get(json_object_get(manifest(t), "options"),
			    "profile")) {
		verify_differs(&t->verify, "profile", "it was compiled with a "
			       "profile, which is not kept, and this without");
		return 0;
	}
	return verify_loaded(&t->verify, t->verify.live.gen.sockets,
			     &t->loaded);
}

int twin_open(struct skpol *s, struct twin *t)
{
	int err;

	*t = (struct twin){
		.verify = { .s = s, .live = { { .fd = -1 }, GENERATION_NONE },
			    .differences = json_array(),
			    .unknown = json_array() },
		.loaded = { -1, -1, -1 },
	};
	err = find_live(t);
	err = err ? err : make_object(t);
	t->verify.object = t->object;
	if (!err && t->verify.live.gen.sockets < 0)
		err = fail_system(s, -EUCLEAN, "the pin of the socket map is "
				  "gone: apply the policy again");
	err = err ? err : verify_load(&t->verify, t->verify.live.gen.sockets,
				      &t->loaded);
	err = err ? err : compare(t);
	if (err)
		twin_close(t);
	return err;
}

void twin_close(struct twin *t)
{
	load_close(&t->loaded);
	objfile_free(t->object);
	if (t->is_compiled)
		compiled_free(&t->compiled);
	live_close(&t->verify.live);
	json_decref(t->verify.differences);
	json_decref(t->verify.unknown);
	*t = (struct twin){ .loaded = { -1, -1, -1 } };
}

bool twin_same(const struct twin *t)
{
	return !json_array_size(t->verify.differences);
}

bool twin_slot(const struct twin *t, uint32_t slot, uint32_t *number)
{
	struct slot_key k;

	return slot_parse(json_array_get(json_object_get(
			t->verify.live.gen.meta, "slots"), slot), NULL, &k,
			  number);
}

/* ------------------------------------------------------------ kernel */

static void put_ip6(__u32 out[4], u128 address)
{
	for (int i = 0; i < 4; i++)
		out[i] = htonl((uint32_t)(address >> (96 - 32 * i)));
}

static int ask_kernel(struct twin *t, const struct packet *p,
		      struct twin_answer *out)
{
	struct bpf_sk_lookup c = {
		.family = p->family == 4 ? AF_INET : AF_INET6,
		.protocol = p->protocol,
		.remote_port = htons(p->remote_port),
		.local_port = p->local_port,
	};
	struct testrun r;
	int err;

	if (p->family == 4) {
		c.remote_ip4 = htonl((uint32_t)p->remote);
		c.local_ip4 = htonl((uint32_t)p->local);
	} else {
		put_ip6(c.remote_ip6, p->remote);
		put_ip6(c.local_ip6, p->local);
	}
	err = testrun(t->verify.s, t->loaded.program, &c, &r);
	*out = (struct twin_answer){ .drop = r.drop, .in_kernel = true,
				     .cookie = r.cookie, .slot = IMAGE_PASS };
	return err;
}

/* ------------------------------------------------------------ interpreter */

static bool present(void *ctx, uint32_t index)
{
	const struct twin *t = ctx;
	uint32_t key;
	uint64_t cookie;

	if (!twin_slot(t, index % IMAGE_SLOTS_MAX, &key))
		return false;
	key += index / IMAGE_SLOTS_MAX * IMAGE_SLOTS_MAX;
	return !bpf_map_lookup_elem(t->verify.live.gen.sockets, &key,
				    &cookie);
}

static const json_t *interfaces(const struct twin *t)
{
	return json_object_get(t->verify.live.gen.meta, "interfaces");
}

static const char *name_of(const json_t *interface)
{
	const char *name = json_string_value(json_object_get(interface,
							     "name"));

	return name ? name : "";
}

/* The number that the running program was given for NAME, or 0. */
static uint32_t given_index(const struct twin *t, const char *name)
{
	json_t *j;
	size_t i;

	json_array_foreach(interfaces(t), i, j)
		if (!strcmp(name, name_of(j)))
			return (uint32_t)json_integer_value(
				json_object_get(j, "index"));
	return 0;
}

/* The name of the policy that it was given INDEX for, or "". */
static const char *given_name(const struct twin *t, uint32_t index)
{
	json_t *j;
	size_t i;

	json_array_foreach(interfaces(t), i, j)
		if (json_integer_value(json_object_get(j, "index")) == index)
			return name_of(j);
	return "";
}

/* The numbers that the running program was given, in a copy of the tables. */
static void put_interfaces(struct twin *t, struct image *m)
{
	const struct policy *p = t->compiled.policy;
	const struct image_variable *v = image_variable(m, "skpol_interfaces");
	uint8_t *copy = arena_alloc(&t->compiled.arena, m->rodata_size + 1);

	memcpy(copy, m->rodata, m->rodata_size);
	for (size_t i = 0; v && i < p->ninterfaces; i++) {
		uint32_t index = given_index(t, p->interfaces[i]);

		index = index ? index : IMAGE_NO_INTERFACE;
		memcpy(copy + v->offset + 4 * i, &index, sizeof(index));
	}
	m->rodata = copy;
}

static int ask_interpreter(struct twin *t, const struct packet *p,
			   struct twin_answer *out)
{
	struct image m = *t->compiled.image;
	struct interp in = { .image = &m, .sockets = { t, present, NULL } };
	struct interp_result r;

	put_interfaces(t, &m);
	in.program = interp_prepare(&t->compiled.arena, &m);
	interp_run(&in, p, &r);
	if (r.trap)
		return fail_internal(t->verify.s, -EFAULT, "the interpreter "
				     "stops at instruction %zu: %s", r.at,
				     r.trap);
	*out = (struct twin_answer){
		.drop = !r.verdict,
		.slot = r.slot == INTERP_NO_SOCKET ? IMAGE_PASS :
			r.slot % IMAGE_SLOTS_MAX,
	};
	return 0;
}

int twin_ask(struct twin *t, const struct packet *p, struct twin_answer *out)
{
	return p->ifindex ? ask_interpreter(t, p, out) : ask_kernel(t, p, out);
}

void twin_arrives(struct twin *t, struct packet *p)
{
	if (*p->ifname)
		plan_interface_index(t->verify.s, p->ifname, &p->ifindex);
	if (*p->ifname && !p->ifindex)
		p->ifindex = IMAGE_NO_INTERFACE - 1;
	snprintf(p->ifname, sizeof(p->ifname), "%s", p->ifindex ?
		 given_name(t, p->ifindex) : "");
}

const char *twin_interfaces(struct twin *t, const struct packet *p)
{
	struct skpol *s = t->verify.s;
	uint32_t index;

	if (!plan_interfaces_same(s, interfaces(t)))
		return PLAN_INTERFACES_MOVED;
	if (*p->ifname && plan_interface_index(s, p->ifname, &index) && !index)
		return arena_printf(&t->compiled.arena, "there is no interface "
				    "`%s` here: no packet comes from it",
				    p->ifname);
	return NULL;
}
