/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor - is this host in order for the policy, and what to do if not
 *
 * In: a handle. Out: the findings of every check, in order. A check that
 * cannot be made says so and spoils no other.
 */
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "report.h"
#include "state.h"

static const char *const names[] = {
#define FINDING(id, name) [FINDING_##id] = name,
	FINDINGS(FINDING)
#undef FINDING
};

static const struct {
	const char *name;
	void (*run)(struct doctor *d);
} checks[] = {
#define CHECK(name) { #name, doctor_##name },
	CHECKS(CHECK)
#undef CHECK
};

void doctor_say(struct doctor *d, enum finding f, const char *advice,
		const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->failed |= f == FINDING_FAIL;
	json_array_append_new(d->findings, json_pack(
		"{s:s, s:s, s:s, s:s?}", "check", d->check, "state", names[f],
		"text", text, "advice", advice));
}

bool doctor_blind(struct doctor *d)
{
	if (d->status)
		return false;
	doctor_say(d, FINDING_UNKNOWN, NULL, "not looked at, for the state "
		   "cannot be read");
	return true;
}

/* What is there; without a policy, or the right to look, less. */
static void look(struct doctor *d)
{
	int err = state_find(d->s);

	if (!err)
		err = live_find(d->s, &d->live);
	if (!err && d->live.gen.number)
		generation_read_manifest(d->s, &d->live.gen);
	d->status = report_status(d->s);
}

json_t *report_doctor(struct skpol *s)
{
	struct doctor d = {
		.s = s, .findings = json_array(),
		.live = { { .fd = -1 }, GENERATION_NONE },
	};

	look(&d);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		d.check = checks[i].name;
		checks[i].run(&d);
	}
	live_close(&d.live);
	json_decref(d.status);
	handle_begin(s);
	return json_pack("{s:i, s:b, s:o}", "version", 1, "ok", !d.failed,
			 "checks", d.findings);
}

int skpol_doctor_json(struct skpol *s, char **json)
{
	handle_begin(s);
	return report_text(s, report_doctor(s), json);
}
