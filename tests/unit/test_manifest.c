/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_manifest - a policy as the JSON that policy.o carries
 *
 * Every key of docs/manifest.md for one policy, the kernel that is asked for,
 * and that what manifest_build writes is what objfile_open takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/compile.h"
#include "../../compiler/object.h"
#include "../../grammar/arena.h"
#include "../../grammar/parse.h"
#include "../../runtime/objfile.h"

struct work {
	struct arena arena;
	struct source_set sources;
	struct diags diags;
	struct policy *policy;
	json_t *manifest;
};

static void build(struct work *w, const char *name, const char *text,
		  const char *kernel)
{
	const struct manifest_options o = {
		.optimize = 1, .target_kernel = kernel,
	};
	const struct ast *ast;
	int file;

	memset(w, 0, sizeof(*w));
	arena_init(&w->arena, NULL);
	source_init(&w->sources, &w->arena);
	diag_init(&w->diags, &w->arena, &w->sources);
	file = source_add(&w->sources, name, text, strlen(text));
	ast = parse_policy(&w->arena, &w->sources, &w->diags, file);
	w->policy = policy_resolve(&w->arena, ast, &w->diags);
	if (!w->policy) {
		diag_print(&w->diags, stderr, false);
		fail_msg("does not compile: %s", text);
	}
	w->manifest = manifest_build(&w->arena, w->policy, &w->sources, &o);
	assert_non_null(w->manifest);
}

static void done(struct work *w)
{
	json_decref(w->manifest);
	arena_free(&w->arena);
}

/* KEY of the manifest as JSON, to be freed. */
static char *text_of(const struct work *w, const char *key)
{
	return json_dumps(json_object_get(w->manifest, key),
			  JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
}

static void is(const struct work *w, const char *key, const char *want)
{
	char *text = text_of(w, key);

	assert_string_equal(text, want);
	free(text);
}

static const char edge[] =
	"policy edge-web\n"
	"\n"
	"## the front door\n"
	"socket http tcp\n"
	"socket dns at 2001:db8::1 port 53\n"
	"socket quic udp ip4 at 127.0.0.1 port 8443\n"
	"\n"
	"## plain\n"
	"## and simple\n"
	"plain: tcp port 80 -> http count\n"
	"when udp {\n"
	"\tport 53 -> dns else drop trace\n"
	"}\n"
	"udp port 443 -> quic\n"
	"default -> pass count\n";

#define SLOT(n, family, protocol) "{\"family\":\"" family "\",\"protocol\":\"" \
	protocol "\",\"slot\":" #n "}"

static void every_key_is_there(void **state)
{
	struct work w;
	char digest[65], *text;

	(void)state;
	build(&w, "edge.skl", edge, "5.10");
	is(&w, "version", "1");
	is(&w, "policy", "\"edge-web\"");
	is(&w, "compiler", "\"" PACKAGE_VERSION_TEXT "\"");
	is(&w, "kernel", "\"5.10\"");
	is(&w, "options", "{\"optimize\":1,\"target_kernel\":\"5.10\"}");
	source_digest(&w.sources, digest);
	assert_string_equal(json_string_value(json_object_get(w.manifest,
			    "sha256")), digest);
	is(&w, "files", "[\"edge.skl\"]");
	is(&w, "interfaces", "[]");
	is(&w, "addresses", "[]");
	text = text_of(&w, "checks");
	assert_non_null(strstr(text, "[\"tcp 0.0.0.0:0 -> 0.0.0.0:80\",0,"
			       "[\"http\",\"drop\"]]"));
	free(text);
	is(&w, "sockets",
	   "[{\"description\":\"the front door\",\"name\":\"http\",\"slots\":["
	   SLOT(0, "ip4", "tcp") "," SLOT(1, "ip6", "tcp") "]},"
	   "{\"at\":\"[2001:db8::1]:53\",\"name\":\"dns\",\"slots\":["
	   SLOT(2, "ip4", "tcp") "," SLOT(3, "ip6", "tcp") ","
	   SLOT(4, "ip4", "udp") "," SLOT(5, "ip6", "udp") "]},"
	   "{\"at\":\"127.0.0.1:8443\",\"name\":\"quic\",\"slots\":["
	   SLOT(6, "ip4", "udp") "]}]");
	text = text_of(&w, "text");
	assert_non_null(strstr(text, "policy edge-web"));
	free(text);
	assert_int_equal(json_object_size(w.manifest), 13);
	done(&w);
}

static void limits_are_told(void **state)
{
	const struct manifest_options o = {
		.optimize = 2, .target_kernel = "6.1",
		.max_instructions = 5000, .max_tables = 4096,
	};
	struct work w;

	(void)state;
	build(&w, "edge.skl", edge, "6.1");
	json_decref(w.manifest);
	w.manifest = manifest_build(&w.arena, w.policy, &w.sources, &o);
	is(&w, "options", "{\"max_instructions\":5000,\"max_tables\":4096,"
	   "\"optimize\":2,\"target_kernel\":\"6.1\"}");
	done(&w);
}

/* Tables that the target's kernel does not take, where no target was asked for:
 * whoever compiles again must not ask for one, either. */
static void tables_want_a_newer_kernel(void **state)
{
	const struct manifest_options o = {
		.optimize = 2, .target_kernel = "5.10", .kernel = "6.1",
	};
	struct compile_options again = { .target = NULL };
	struct work w;

	(void)state;
	build(&w, "edge.skl", edge, "5.10");
	compile_options_like(&again, json_object_get(w.manifest, "options"));
	assert_ptr_equal(again.target, target_find("5.10"));
	json_decref(w.manifest);
	w.manifest = manifest_build(&w.arena, w.policy, &w.sources, &o);
	is(&w, "kernel", "\"6.1\"");
	is(&w, "options", "{\"newer_kernel\":true,\"optimize\":2,"
	   "\"target_kernel\":\"5.10\"}");
	again.target = NULL;
	compile_options_like(&again, json_object_get(w.manifest, "options"));
	assert_null(again.target);
	done(&w);
}

static void addresses_are_those_that_select(void **state)
{
	struct work w;
	char text[4096] = "policy p\nsocket s\n";

	(void)state;
	build(&w, "a.skl", "policy p\nsocket s\n"
	      "set v = { 192.0.2.0/25, 192.0.2.128/25, 2001:db8::/32 }\n"
	      "map m by to { 198.51.100.1 -> s; 203.0.113.0/24 -> drop }\n"
	      "m: tcp port 7 -> map m\n"
	      "a: tcp to v -> s\n"
	      "b: tcp to 203.0.113.9 -> pass\n"
	      "c: udp to 10.0.0.1-10.0.0.4 -> split by from { 60% s, 40% s } "
	      "else drop\n"
	      "d: udp port 9 -> s\n"
	      "default -> pass\n", "5.10");
	is(&w, "addresses", "[\"10.0.0.1/32\",\"10.0.0.2/31\","
	   "\"10.0.0.4/32\",\"192.0.2.0/24\",\"198.51.100.1/32\",\"2001:db8::/32\"]");
	assert_null(json_object_get(w.manifest, "addresses_left_out"));
	done(&w);
	for (int i = 0; i < 70; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "tcp to 10.0.%d.1 -> s\n", i);
	strcat(text, "default -> pass\n");
	build(&w, "a.skl", text, "5.10");
	assert_int_equal(json_array_size(json_object_get(w.manifest,
			 "addresses")), 64);
	is(&w, "addresses_left_out", "6");
	done(&w);
	build(&w, "a.skl", "policy p\nsocket s\ntcp to 0.0.0.0/0 -> s\n"
	      "udp to ::/0 -> s\ndefault -> pass\n", "5.10");
	is(&w, "addresses", "[]");
	done(&w);
}

static void rules_say_who_and_where(void **state)
{
	static const char *const want[] = {
		"{\"column\":1,\"counter\":0,\"description\":\"plain\\nand "
		"simple\",\"file\":0,\"line\":10,\"name\":\"plain\",\"named\":"
		"true,\"text\":\"tcp port 80 -> http\",\"trace\":false,"
		"\"verdict\":\"http\"}",
		"{\"column\":2,\"counter\":1,\"file\":0,\"line\":12,\"name\":"
		"\"udp & port 53 -> dns\",\"named\":false,\"text\":"
		"\"udp & port 53 -> dns\",\"trace\":true,\"verdict\":"
		"\"dns\"}",
		"{\"column\":1,\"file\":0,\"line\":14,\"name\":"
		"\"udp port 443 -> quic\",\"named\":false,\"text\":"
		"\"udp port 443 -> quic\",\"trace\":false,\"verdict\":"
		"\"quic\"}",
		"{\"column\":1,\"counter\":2,\"file\":0,\"line\":15,\"name\":"
		"\"default\",\"named\":false,\"text\":\"any -> pass\","
		"\"trace\":false,\"verdict\":\"pass\"}",
	};
	const json_t *rules;
	struct work w;
	size_t i;

	(void)state;
	build(&w, "edge.skl", edge, "5.10");
	rules = json_object_get(w.manifest, "rules");
	assert_int_equal(json_array_size(rules), 4);
	for (i = 0; i < 4; i++) {
		char *text = json_dumps(json_array_get(rules, i),
					JSON_SORT_KEYS | JSON_COMPACT);

		assert_string_equal(text, want[i]);
		free(text);
	}
	done(&w);
}

static void the_kernel_is_the_oldest_that_will_do(void **state)
{
	static const struct {
		const char *match, *target, *want;
	} cases[] = {
		{ "tcp", "5.10", "\"5.10\"" },
		{ "tcp", "6.1", "\"6.1\"" },
		{ "on \"eth0\"", "5.10", "\"5.17\"" },
		{ "on 3", "5.9", "\"5.17\"" },
		{ "on not 3", "6.6", "\"6.6\"" },
		{ "on 3", "5.17", "\"5.17\"" },
		{ "on 3", "10.0", "\"10.0\"" },
	};
	char text[256];
	struct work w;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "policy p\n%s -> drop\n"
			 "default -> pass\n", cases[i].match);
		build(&w, "p.skl", text, cases[i].target);
		is(&w, "kernel", cases[i].want);
		done(&w);
	}
}

/* An image that does nothing, with the variables that the policy has. */
static struct image image_for(struct arena *a, const struct policy *p)
{
	static struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static struct image_line line;
	struct image_variable *v = arena_array(a, 2, sizeof(*v));
	uint32_t slots = p->nslots * 4, end = (slots + 7) & ~7u;
	uint32_t interfaces = (uint32_t)p->ninterfaces * 4;

	v[0] = (struct image_variable){ "skpol_slots", 0, slots, 4 };
	v[1] = (struct image_variable){ "skpol_interfaces", end, interfaces,
					4 };
	return (struct image){
		.insns = insns, .ninsns = 2, .lines = &line, .nlines = 1,
		.variables = v, .nvariables = 2, .nslots = p->nslots,
		.ncounters = p->ncounters,
		.ninterfaces = (uint32_t)p->ninterfaces,
		.rodata = arena_alloc(a, end + interfaces),
		.rodata_size = end + interfaces,
	};
}

static void round_trip(struct work *w)
{
	struct image m = image_for(&w->arena, w->policy);
	const struct object_input in = { &m, w->manifest, &w->sources };
	char error[256] = "";
	struct objfile *o = NULL;
	void *bytes;
	size_t size;

	if (object_build(&in, &bytes, &size, error) ||
	    objfile_from_bytes(bytes, size, &o, error))
		fail_msg("%s", error);
	assert_true(json_equal(o->manifest, w->manifest));
	assert_int_equal(o->ncounters, w->policy->ncounters);
	assert_int_equal(o->nslots, w->policy->nslots);
	objfile_free(o);
	free(bytes);
}

static void what_is_written_is_taken(void **state)
{
	static const char *const texts[] = {
		edge,
		"policy p\ndefault -> drop\n",
		"policy p\nudp -> drop count\nudp -> drop count\n"
		"tcp -> drop trace\ndefault -> drop\n",
		"policy p\nsocket a\nsocket b\non { \"eth0\", \"wan.7\", 4 } "
		"-> split by from { 50% a, 50% b }\ndefault -> drop\n",
	};
	struct work w;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		build(&w, "a \xff/p.skl", texts[i], "5.10");
		is(&w, "files", "[\"a \\\\xff/p.skl\"]");
		round_trip(&w);
		done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_there),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(tables_want_a_newer_kernel),
		cmocka_unit_test(addresses_are_those_that_select),
		cmocka_unit_test(rules_say_who_and_where),
		cmocka_unit_test(the_kernel_is_the_oldest_that_will_do),
		cmocka_unit_test(what_is_written_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
