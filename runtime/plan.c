/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan - what an object's names are in this namespace: slots and interfaces
 *
 * In: a manifest. Out: numbers. An interface that is not there is
 * IMAGE_NO_INTERFACE, which no packet comes in on, and is said.
 */
#include "plan.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "abi.h"
#include "auto.h"
#include "netns.h"

static int fail_manifest(struct skpol *s)
{
	return fail_input(s, -EBADMSG, "the manifest of the object does not "
			  "make sense: compile the policy again");
}

static size_t count_slots(const json_t *sockets)
{
	size_t i, n = 0;
	json_t *socket;

	json_array_foreach(sockets, i, socket)
		n += json_array_size(json_object_get(socket, "slots"));
	return n;
}

static int plan_slot(struct skpol *s, struct slots *t, struct plan *p,
		     const json_t *socket, const json_t *slot)
{
	const json_t *at = json_object_get(socket, "at");
	const char *name = json_string_value(json_object_get(socket, "name"));
	struct slot_key k;
	uint32_t compiled;
	int64_t taken;
	json_t *j;

	if (!name || !slot_parse(slot, name, &k, &compiled) ||
	    compiled >= p->nslots || p->slots[compiled] != UINT32_MAX)
		return fail_manifest(s);
	taken = t ? slot_take(s, t, &k) : (int64_t)compiled;
	if (taken < 0)
		return (int)taken;
	p->slots[compiled] = (uint32_t)taken;
	j = slot_print(&k, (uint32_t)taken);
	if (!j || (at && json_object_set(j, "at", (json_t *)at)) ||
	    json_array_append_new(p->slots_json, j))
		return fail_memory(s);
	return 0;
}

static int plan_slots(struct skpol *s, struct slots *t, struct plan *p,
		      const json_t *sockets)
{
	json_t *socket, *slot;
	size_t i, j;
	int err = 0;

	p->nslots = count_slots(sockets);
	p->slots = malloc((p->nslots + 1) * sizeof(*p->slots));
	if (!p->slots)
		return fail_memory(s);
	memset(p->slots, 0xff, p->nslots * sizeof(*p->slots));
	json_array_foreach(sockets, i, socket)
		json_array_foreach(json_object_get(socket, "slots"), j, slot)
			if (!err)
				err = plan_slot(s, t, p, socket, slot);
	return err;
}

/* The index of an interface of the namespace that FD was born in, or 0. */
static uint32_t interface_index(int fd, const char *name)
{
	struct ifreq r = { .ifr_ifindex = 0 };

	if (strlen(name) >= sizeof(r.ifr_name))
		return 0;
	strcpy(r.ifr_name, name);
	return ioctl(fd, SIOCGIFINDEX, &r) ? 0 : (uint32_t)r.ifr_ifindex;
}

static int plan_interface(struct skpol *s, struct plan *p, size_t i,
			  const char *name, int fd)
{
	uint32_t index;

	if (!name)
		return fail_manifest(s);
	index = interface_index(fd, name);
	if (!index)
		note(s, "there is no interface `%s` here: rules on it match "
		     "nothing until the policy is applied again", name);
	p->interfaces[i] = index ? index : IMAGE_NO_INTERFACE;
	if (json_array_append_new(p->interfaces_json,
				  json_pack("{s:s, s:I}", "name", name,
					    "index", (json_int_t)index)))
		return fail_memory(s);
	return 0;
}

static int plan_interfaces(struct skpol *s, bool real, struct plan *p,
			   const json_t *names)
{
	AUTO_FD fd = -1;
	json_t *name;
	size_t i;
	int err = 0;

	p->ninterfaces = json_array_size(names);
	p->interfaces = calloc(p->ninterfaces + 1, sizeof(*p->interfaces));
	if (!p->interfaces)
		return fail_memory(s);
	if (!real) {
		memset(p->interfaces, 0xff,	/* IMAGE_NO_INTERFACE */
		       p->ninterfaces * sizeof(*p->interfaces));
		return 0;
	}
	if (p->ninterfaces)
		fd = netns_socket(s, AF_INET, SOCK_DGRAM, 0);
	if (p->ninterfaces && fd < 0)
		return fd;
	json_array_foreach(names, i, name)
		if (!err)
			err = plan_interface(s, p, i, json_string_value(name),
					     fd);
	return err;
}

bool plan_interface_index(struct skpol *s, const char *name, uint32_t *index)
{
	AUTO_FD fd = netns_socket(s, AF_INET, SOCK_DGRAM, 0);

	*index = fd < 0 ? 0 : interface_index(fd, name);
	return fd >= 0;
}

bool plan_interfaces_same(struct skpol *s, const json_t *was)
{
	AUTO_FD fd = -1;
	json_t *entry;
	size_t i;

	if (!json_array_size(was))
		return true;
	fd = netns_socket(s, AF_INET, SOCK_DGRAM, 0);
	json_array_foreach(was, i, entry) {
		const char *name = json_string_value(json_object_get(entry,
								     "name"));
		json_t *index = json_object_get(entry, "index");

		if (fd < 0 || !name ||
		    json_integer_value(index) != interface_index(fd, name))
			return false;
	}
	return true;
}

int plan_make(struct skpol *s, struct slots *t, const json_t *manifest,
	      struct plan *p)
{
	int err;

	*p = (struct plan){ .slots_json = json_array(),
			    .interfaces_json = json_array() };
	if (!p->slots_json || !p->interfaces_json)
		err = fail_memory(s);
	else
		err = plan_slots(s, t, p, json_object_get(manifest,
							  "sockets"));
	if (!err)
		err = plan_interfaces(s, t != NULL, p,
				      json_object_get(manifest, "interfaces"));
	if (err)
		plan_free(p);
	return err;
}

void plan_free(struct plan *p)
{
	free(p->slots);
	free(p->interfaces);
	json_decref(p->slots_json);
	json_decref(p->interfaces_json);
	*p = (struct plan){ .slots = NULL };
}
