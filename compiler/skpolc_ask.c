/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpolc_ask - skpolc explain and diff
 *
 * In: a policy and a packet. Out: why it gets its verdict, as text or JSON.
 * The diagram is asked, and what the bytes do is said beside it. Or two
 * policies, and which packets they treat differently.
 */
#include <string.h>

#include "../grammar/packet.h"
#include "asker.h"
#include "diff.h"
#include "explain.h"
#include "skpolc.h"

static int read_packet(struct skpolc *k, struct packet *p)
{
	char text[512] = "", error[PACKET_ERROR_MAX];

	for (int i = 1; i < k->nargs; i++) {
		if (strlen(text) + strlen(k->args[i]) + 2 > sizeof(text))
			return skpolc_error(EXIT_USAGE, "the packet is too "
					    "long");
		strcat(strcat(text, i > 1 ? " " : ""), k->args[i]);
	}
	if (packet_parse(text, strlen(text), p, error))
		return 0;
	return skpolc_error(EXIT_USAGE, "%s", error);
}

/* What the program itself does with the packet. */
static const char *ask_bytes(struct compiled *c, const struct packet *p)
{
	struct asker *bytes = asker_new(c, ASK_BYTES, c->image);
	const char *trap, *verdict = asker_ask(bytes, p, &trap);

	return verdict ? verdict : trap ? trap : "?";
}

static int print(struct skpolc *k, json_t *e)
{
	const char *verdict = json_string_value(json_object_get(e, "verdict"));
	const char *bytes = json_string_value(json_object_get(e, "bytes"));

	if (k->json) {
		json_dumpf(e, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		explain_text(e, stdout);
		printf("the program itself: %s\n", bytes);
	}
	if (strcmp(verdict, bytes))
		return skpolc_error(EXIT_INTERNAL, "diagram and program "
				    "disagree: please report it");
	return skpolc_flush();
}

int skpolc_explain(struct skpolc *k)
{
	struct explain_input in;
	struct compiled c;
	struct packet p;
	json_t *e;
	int status = read_packet(k, &p);

	k->quiet = true;
	if (!status)
		status = skpolc_load(k, k->args[0], COMPILE_ALL, &c);
	if (status)
		return status;
	in = (struct explain_input){ c.policy, c.diagram, c.forest,
				     &c.sources };
	e = explain_json(&in, &p);
	json_object_set_new(e, "bytes", json_string(ask_bytes(&c, &p)));
	status = print(k, e);
	json_decref(e);
	compiled_free(&c);
	return status;
}

static int print_diff(struct skpolc *k, const json_t *d)
{
	if (k->json) {
		json_dumpf(d, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		diff_text(d, stdout);
	}
	if (skpolc_flush())
		return EXIT_SYSTEM;
	return diff_same(d) ? 0 : EXIT_INPUT;
}

static int compare(struct skpolc *k, struct compiled *a, const json_t *was,
		   struct compiled *b, const json_t *is)
{
	struct diff_side old = { a->policy, &a->sources, a->forest, was };
	struct diff_side new = { b->policy, &b->sources, b->forest, is };
	json_t *d;
	int status = diff_json(&old, &new, NULL, &d);

	if (status)
		return skpolc_error(EXIT_SYSTEM, "cannot compare: %s",
				    strerror(-status));
	status = print_diff(k, d);
	json_decref(d);
	return status;
}

/* Like diff(1): 0 when no packet is treated differently, else 1. */
int skpolc_diff(struct skpolc *k)
{
	struct compiled a, b;
	json_t *was = NULL, *is = NULL;
	int status;

	k->quiet = true;
	status = skpolc_load_either(k, k->args[0], COMPILE_PROVED, &a, &was);
	if (!status) {
		status = skpolc_load_either(k, k->args[1], COMPILE_PROVED, &b,
					    &is);
		if (!status) {
			status = compare(k, &a, was, &b, is);
			compiled_free(&b);
		}
		compiled_free(&a);
	}
	json_decref(was);
	json_decref(is);
	return status;
}
