/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * programs - every socket lookup program on the namespace, and who wins
 *
 * In: a query of the kernel. Out: JSON.
 */
#include "programs.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"

enum { PROGRAMS_MAX = 64 };		/* the kernel's limit a namespace */

/* Looking at a program by its number takes CAP_SYS_ADMIN. */
static json_t *program_entry(const struct live *live, uint32_t id)
{
	AUTO_FD fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	bool ours = live_attached(live) && live->link.program_id == id;
	json_t *j = json_pack("{s:I, s:b}", "id", (json_int_t)id, "ours",
			      ours);

	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		json_object_set_new(j, "name", json_string(info.name));
	else
		json_object_set_new(j, "name", ours ?
				    json_string("skpol_dispatch") :
				    json_null());
	return j;
}

json_t *programs_report(struct skpol *s, const struct live *live, int *err)
{
	__u32 ids[PROGRAMS_MAX], n = PROGRAMS_MAX, flags = 0;
	int failed = bpf_prog_query(s->netns, BPF_SK_LOOKUP, 0, &flags, ids,
				    &n);
	json_t *list;

	if (err)
		*err = failed;
	if (failed)
		return json_null();
	list = json_array();
	for (__u32 i = 0; i < n; i++)
		json_array_append_new(list, program_entry(live, ids[i]));
	return list;
}

/* "12 (other), 13" from FROM on, up to the size of the text. */
static void name_programs(const json_t *list, size_t from, char *out,
			  size_t size)
{
	size_t i, n = 0;
	json_t *e;

	*out = '\0';
	json_array_foreach(list, i, e) {
		const char *name = json_string_value(json_object_get(e,
								     "name"));

		if (i < from || n >= size)
			continue;
		n += (size_t)snprintf(out + n, size - n, "%s%lld%s%s%s",
				      n ? ", " : "", (long long)
				      json_integer_value(json_object_get(e,
						"id")),
				      name ? " (" : "", name ? name : "",
				      name ? ")" : "");
	}
}

static size_t place_of_ours(const json_t *list)
{
	size_t i;
	json_t *e;

	json_array_foreach(list, i, e)
		if (json_is_true(json_object_get(e, "ours")))
			return i;
	return json_array_size(list);
}

json_t *programs_order(const json_t *list)
{
	size_t n = json_array_size(list), ours = place_of_ours(list);
	char names[256], text[768];

	if (!n || (n == 1 && !ours))
		return json_null();
	name_programs(list, ours == n ? 0 : ours + 1, names, sizeof(names));
	if (ours == n)
		snprintf(text, sizeof(text), "other programs decide here: %s; "
			 "a policy that is applied runs after them, so a "
			 "socket that it selects wins", names);
	else if (ours == n - 1)
		snprintf(text, sizeof(text), "this policy runs last of %zu "
			 "programs: a socket that it selects wins; where "
			 "another one selects a socket, its `drop` does "
			 "nothing, and where another one drops, neither does "
			 "its `pass`", n);
	else
		snprintf(text, sizeof(text), "program %s runs after this "
			 "policy: a socket that it selects wins over the "
			 "policy's; where any other one selects a socket, the "
			 "policy's `drop` does nothing, and where another one "
			 "drops, neither does its `pass`", names);
	return json_string(text);
}
