#include "neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "io_thread.h"
#include "server.h"
#include "stentor/base/log.h"
#include "stentor/base/obj.h"

/* A join, a leave, or a place. */
struct neighbours_mail {
    struct mail mail;
    struct io_thread *thread; /* of the member */
    struct grid_member member;
    int namespace;
    struct neighbours_news news; /* in a place; without memory for one, not */
    bool placed;
    uint32_t places[GRID_DIRECTIONS]; /* of the neighbours */
    struct neighbours_asker asker;
    struct span name; /* of the room; this and the tag lie behind the struct */
};

static struct io_thread *neighbours_thread(const struct session *session)
{
    return CONTAINER_OF(session->delivery, struct io_thread, delivery);
}

/* The same on every thread: FNV-1a. */
static struct io_thread *neighbours_home(const struct io_thread *thread, int namespace,
                                         struct span name)
{
    uint32_t hash = 2166136261u ^ (uint32_t) namespace * 0x9e3779b1u;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 16777619u;
    return &thread->server->io_threads[(hash ^ hash >> 16) % thread->server->io_thread_count];
}

static struct span neighbours_copy(char *at, struct span text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return (struct span){at, text.len};
}

/* A mail about the member; NULL when memory is out. */
static struct neighbours_mail *neighbours_new_mail(struct io_thread *thread,
                                                   const struct grid_member *member, int namespace,
                                                   struct span name,
                                                   const struct neighbours_asker *asker)
{
    size_t tag_len = asker != NULL ? asker->tag.len : 0;
    struct neighbours_mail *mail = calloc(1, sizeof(*mail) + name.len + tag_len);
    char *text = (char *)(mail + 1);

    if (mail == NULL)
        return NULL;
    mail->thread = thread;
    mail->member = *member;
    mail->namespace = namespace;
    mail->name = neighbours_copy(text, name);
    if (asker != NULL) {
        mail->asker = *asker;
        mail->asker.tag = neighbours_copy(text + name.len, asker->tag);
    }
    return mail;
}

static void neighbours_post(struct neighbours_mail *mail, struct io_thread *thread,
                            void (*open)(struct mail *mail, void *thread))
{
    mail->mail.open = open;
    stage_post(&thread->stage, &mail->mail);
}

/* Where a session is, as an id: its thread and its slot in front, the tag behind. */
static void neighbours_make_at(uint8_t at[SESSION_ID_BYTES], uint32_t place, uint32_t tag)
{
    uint32_t slot = seat_place_slot(place);

    memset(at, 0, SESSION_ID_BYTES);
    at[0] = seat_place_thread(place);
    memcpy(at + 1, &slot, sizeof(slot));
    memcpy(at + SEAT_TAG_AT, &tag, sizeof(tag));
}

/* --- Places, on the member's thread */

static void neighbours_sit(struct seat *seat, const struct neighbours_mail *mail)
{
    for (unsigned i = 0; i < GRID_DIRECTIONS; i++) {
        struct seat_neighbour *neighbour = &seat->neighbours[i];

        neighbour->place = mail->news.there[i] ? mail->places[i] : SEAT_NOBODY;
        memcpy(&neighbour->tag, mail->news.ids[i] + SEAT_TAG_AT, sizeof(neighbour->tag));
    }
}

static void neighbours_tell(struct session *session, struct neighbours_mail *mail)
{
    const struct neighbours_asker *asker = mail->asker.wanted ? &mail->asker : NULL;
    struct room *room =
        room_find(&session->delivery->rooms, mail->namespace, mail->name.ptr, mail->name.len);
    const struct membership *membership = room != NULL ? session_membership(session, room) : NULL;
    bool seated = membership != NULL && membership->seat != 0;

    if (seated && mail->placed) {
        mail->news.room = room;
        neighbours_sit(seat_of(&neighbours_thread(session)->seats, membership->seat), mail);
        session->ops->neighbours(session, mail->namespace, &mail->news, asker);
        return;
    }
    if (seated)
        session_leave(session, mail->namespace, mail->name);
    if (asker != NULL)
        session->ops->neighbours(session, mail->namespace, NULL, asker);
}

static void neighbours_open_place(struct mail *opened, void *self)
{
    struct neighbours_mail *mail = CONTAINER_OF(opened, struct neighbours_mail, mail);
    struct io_thread *thread = self;
    uint8_t at[SESSION_ID_BYTES];
    struct session *session;

    OWNER_ASSERT(&thread->stage.owner);
    neighbours_make_at(at, mail->member.place, 0);
    session = session_addressed(&thread->delivery, mail->namespace, at, mail->member.id, 0);
    if (session != NULL)
        neighbours_tell(session, mail);
    free(mail);
}

/* --- Joining and leaving, at home */

/* Fills in what the member in the cell is told, and sends it. */
static void neighbours_place(struct neighbours_mail *mail, const struct grid *grid, uint32_t cell)
{
    mail->placed = true;
    mail->news.x = cell % grid->columns;
    mail->news.y = cell / grid->columns;
    mail->news.members = grid->count;
    for (unsigned i = 0; i < GRID_DIRECTIONS; i++) {
        uint32_t neighbour = grid_neighbour(grid, cell, (enum grid_direction)i);

        mail->news.there[i] = neighbour != GRID_NONE;
        if (neighbour == GRID_NONE)
            continue;
        memcpy(mail->news.ids[i], grid->members[neighbour].id, SESSION_ID_BYTES);
        mail->places[i] = grid->members[neighbour].place;
    }
    neighbours_post(mail, mail->thread, neighbours_open_place);
}

/* Tells all whose neighbourhood has changed, but for the one in the cell `but`. */
static void neighbours_place_changed(struct io_thread *home, const struct grid *grid, int namespace,
                                     struct span name, const struct grid_changes *changes,
                                     uint32_t but)
{
    for (unsigned i = 0; i < changes->count; i++) {
        const struct grid_member *member = &grid->members[changes->cells[i]];
        struct io_thread *thread = &home->server->io_threads[seat_place_thread(member->place)];
        struct neighbours_mail *mail;

        if (changes->cells[i] == but)
            continue;
        mail = neighbours_new_mail(thread, member, namespace, name, NULL);
        if (mail != NULL)
            neighbours_place(mail, grid, changes->cells[i]);
        else
            log_warning("neighbours", "no memory to tell a client of its neighbours");
    }
}

/* The room's grid, made if need be; NULL when memory is out. */
static struct grid *neighbours_grid(struct io_thread *home, const struct neighbours_mail *mail)
{
    struct room *room =
        room_intern(&home->delivery.rooms, mail->namespace, mail->name.ptr, mail->name.len);
    const struct config_room_rule *rule;

    if (room == NULL || room->grid != NULL)
        return room != NULL ? room->grid : NULL;
    room->grid = malloc(sizeof(*room->grid));
    rule = config_room_rule(home->config, room->name);
    if (room->grid != NULL)
        grid_init(room->grid, rule != NULL ? (unsigned)rule->columns : 1,
                  rule != NULL && rule->wrap);
    else
        room_release(&home->delivery.rooms, room);
    return room->grid;
}

/* A grid without members is none. */
static void neighbours_end_empty(struct io_thread *home, int namespace, struct span name)
{
    struct room *room = room_find(&home->delivery.rooms, namespace, name.ptr, name.len);

    if (room != NULL && room->grid != NULL && room->grid->count == 0)
        room_end_grid(&home->delivery.rooms, room);
}

/* Who is in it already is told again where. */
static void neighbours_open_join(struct mail *opened, void *self)
{
    struct neighbours_mail *mail = CONTAINER_OF(opened, struct neighbours_mail, mail);
    struct io_thread *home = self;
    struct grid *grid = neighbours_grid(home, mail);
    struct grid_changes changes = {.count = 0};
    uint32_t cell = grid != NULL ? grid_find(grid, mail->member.id) : GRID_NONE;

    OWNER_ASSERT(&home->stage.owner);
    if (grid != NULL && cell == GRID_NONE) {
        cell = grid_join(grid, &mail->member, &changes);
        stats_add(&home->stats.grid_members, cell != GRID_NONE);
    }
    if (cell == GRID_NONE) {
        neighbours_end_empty(home, mail->namespace, mail->name);
        neighbours_post(mail, mail->thread, neighbours_open_place);
        return;
    }
    neighbours_place_changed(home, grid, mail->namespace, mail->name, &changes, cell);
    neighbours_place(mail, grid, cell);
}

static void neighbours_open_leave(struct mail *opened, void *self)
{
    struct neighbours_mail *mail = CONTAINER_OF(opened, struct neighbours_mail, mail);
    struct io_thread *home = self;
    struct room *room =
        room_find(&home->delivery.rooms, mail->namespace, mail->name.ptr, mail->name.len);
    struct grid *grid = room != NULL ? room->grid : NULL;
    uint32_t cell = grid != NULL ? grid_find(grid, mail->member.id) : GRID_NONE;
    struct grid_changes changes;

    OWNER_ASSERT(&home->stage.owner);
    if (cell != GRID_NONE) {
        grid_leave(grid, cell, &changes);
        stats_sub(&home->stats.grid_members, 1);
        neighbours_place_changed(home, grid, mail->namespace, mail->name, &changes, GRID_NONE);
        neighbours_end_empty(home, mail->namespace, mail->name);
    }
    free(mail);
}

/* --- On the session's thread */

bool neighbours_join(struct session *session, int namespace, struct span name,
                     const struct neighbours_asker *asker, const char **error)
{
    struct io_thread *thread = neighbours_thread(session);
    struct room *room = room_find(&session->delivery->rooms, namespace, name.ptr, name.len);
    struct membership *membership = room != NULL ? session_membership(session, room) : NULL;
    const uint8_t *id =
        session->ops->address != NULL ? session->ops->address(session, namespace) : NULL;
    struct grid_member member = {.place = seat_place((uint8_t)thread->index, session->slot)};
    struct neighbours_mail *mail;

    if (membership == NULL || !room->is_grid || session->ops->neighbours == NULL || id == NULL)
        return false;
    ENSURE(session->slot < 1u << SEAT_SLOT_BITS);
    memcpy(member.id, id, SESSION_ID_BYTES);
    mail = neighbours_new_mail(thread, &member, namespace, name, asker);
    if (mail != NULL && membership->seat == 0)
        membership->seat = seat_take(&thread->seats);
    if (mail == NULL || membership->seat == 0) {
        free(mail);
        session_leave(session, namespace, name);
        *error = session_join_error(SESSION_NO_MEMORY);
        return false;
    }
    neighbours_post(mail, neighbours_home(thread, namespace, name), neighbours_open_join);
    return true;
}

void neighbours_leave(struct session *session, struct membership *membership)
{
    struct io_thread *thread = neighbours_thread(session);
    const struct room *room = membership->room;
    const struct span name = {room->name, room->name_len};
    struct grid_member member = {.place = 0};
    struct neighbours_mail *mail;

    seat_give(&thread->seats, membership->seat);
    membership->seat = 0;
    if (thread->stopping)
        return; /* nobody opens mails any more */
    memcpy(member.id, session->ops->address(session, room->namespace), SESSION_ID_BYTES);
    mail = neighbours_new_mail(thread, &member, room->namespace, name, NULL);
    if (mail != NULL)
        neighbours_post(mail, neighbours_home(thread, room->namespace, name),
                        neighbours_open_leave);
    else
        log_warning("neighbours", "no memory to take a client out of a grid");
}

const char *neighbours_find(const struct session *session, int namespace, struct span name,
                            enum grid_direction direction, uint8_t at[SESSION_ID_BYTES])
{
    const struct room *room = room_find(&session->delivery->rooms, namespace, name.ptr, name.len);
    const struct membership *membership = room != NULL ? session_membership(session, room) : NULL;
    const struct seat_neighbour *neighbour;

    if (membership == NULL)
        return "you are not in that room";
    if (membership->seat == 0)
        return "that room is no grid, and has no directions";
    neighbour =
        &seat_of(&neighbours_thread(session)->seats, membership->seat)->neighbours[direction];
    if (neighbour->place == SEAT_NOBODY)
        return "nobody is there";
    neighbours_make_at(at, neighbour->place, neighbour->tag);
    return NULL;
}

void neighbours_ids(const struct neighbours_news *news, struct neighbours_ids *ids)
{
    for (unsigned i = 0; i < GRID_DIRECTIONS; i++) {
        session_id_text(news->ids[i], ids->text[i]);
        ids->ids[i] = news->there[i] ? ids->text[i] : NULL;
    }
}
