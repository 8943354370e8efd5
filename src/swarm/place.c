#include "place.h"

#include <stdlib.h>
#include <string.h>

#include "stentor/base/obj.h"

const char *const place_way_names[PLACE_WAYS] = {"north", "east", "south", "west"};

/* A text, or null. */
static bool place_take_name(char name[PLACE_NAME], struct span value)
{
    memset(name, 0, PLACE_NAME);
    if (value.len == 4 && memcmp(value.ptr, "null", 4) == 0)
        return true;
    if (value.len < 3 || value.ptr[0] != '"' || value.len - 2 >= PLACE_NAME)
        return false;
    memcpy(name, value.ptr + 1, value.len - 2);
    return true;
}

bool place_take(struct place **place, struct span object, uint64_t now_ns)
{
    char error[JSON_MAX_ERROR];
    struct place told = {.changed_ns = now_ns};
    struct span value;

    if (!json_text_valid(object.ptr, object.len, error) || object.ptr[0] != '{')
        return false;
    for (unsigned way = 0; way < PLACE_WAYS; way++)
        if (!json_object_find(object, place_way_names[way], &value) ||
            !place_take_name(told.names[way], value))
            return false;
    if (*place == NULL)
        *place = malloc(sizeof(**place));
    ENSURE(*place != NULL);
    **place = told;
    return true;
}

bool place_has(const struct place *place, enum place_way way, struct span name)
{
    const char *known = place->names[way];

    return name.len > 0 && strlen(known) == name.len && memcmp(known, name.ptr, name.len) == 0;
}

enum place_way place_choose(const struct place *place, uint64_t random)
{
    enum place_way there[PLACE_WAYS];
    unsigned count = 0;

    for (unsigned way = 0; way < PLACE_WAYS; way++)
        if (place->names[way][0] != '\0')
            there[count++] = (enum place_way)way;
    return count > 0 ? there[random % count] : PLACE_WAYS;
}

bool place_changed_lately(const struct place *place, uint64_t now_ns)
{
    return now_ns < place->changed_ns + PLACE_LATELY * UINT64_C(1000000000);
}
