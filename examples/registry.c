/* The registry in C: three handlers in priority order, one of which fails; then a removal that is over
 * when it returns. Build: gcc -Icsrc/include examples/registry.c out/libtallystick.a -pthread */
#include <stdio.h>
#include <string.h>

#include <tallystick/tallystick.h>

typedef struct order {
    char number[16];
    unsigned cents;
} order;

typedef struct ledger {
    unsigned cents;
} ledger;

static int32_t book(void *user_data, const tally_notice *notice)
{
    ledger *books = user_data;
    const order *paid = notice->data;
    books->cents += paid->cents;
    printf("  booked   %s, %u cents so far\n", paid->number, books->cents);
    return TALLY_HANDLER_DONE;
}

static int32_t print_receipt(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    printf("  receipt  %s\n", ((const order *)notice->data)->number);
    return TALLY_HANDLER_DONE;
}

static int32_t send_mail(void *user_data, const tally_notice *notice)
{
    (void)user_data;
    (void)notice;
    static const char message[] = "the mail server does not answer";
    return tally_handler_fail(-1, message, strlen(message), NULL);
}

static int32_t report(void *user_data, const tally_failure *failure)
{
    (void)user_data;
    printf("  failed   %s: %s\n", failure->name, failure->message);
    return 0;
}

static int stop(const char *what, const tally_error *error)
{
    (void)fprintf(stderr, "%s: %s: %s\n", what, tally_status_name(error->status), error->message);
    return 1;
}

int main(void)
{
    tally_error error;
    tally_registry *registry = NULL;
    if (tally_registry_open(NULL, &registry, &error) != TALLY_OK) return stop("open", &error);

    ledger books = {0};
    tally_handler_id booking;
    tally_handler_id id;
    tally_handler_options first = {.size = sizeof first, .priority = 100, .name = "book", .name_length = 4};
    tally_handler_options mail = {.size = sizeof mail, .priority = 10, .name = "send_mail", .name_length = 9};
    if (tally_registry_register(registry, print_receipt, NULL, NULL, &id, &error) != TALLY_OK ||
        tally_registry_register(registry, send_mail, NULL, &mail, &id, &error) != TALLY_OK ||
        tally_registry_register(registry, book, &books, &first, &booking, &error) != TALLY_OK ||
        tally_registry_on_panic(registry, report, NULL, NULL, &error) != TALLY_OK)
        return stop("register", &error);

    order paid = {.number = "order/1", .cents = 1999};
    tally_notice notice = {.data = &paid, .length = sizeof paid};
    tally_notified result;
    if (tally_registry_notify(registry, &notice, &result, &error) != TALLY_OK) return stop("notify", &error);
    printf("  result   %u ran, %u of them failed, the others were not disturbed\n", result.fired, result.failed);

    /* When this returns nobody is inside `book`, so `books` could be freed. */
    if (tally_registry_unregister_wait(registry, booking, TALLY_WAIT_FOREVER, NULL, &error) != TALLY_OK)
        return stop("unregister", &error);
    if (tally_registry_notify(registry, &notice, &result, &error) != TALLY_OK) return stop("notify", &error);
    printf("  result   %u ran after the removal; the ledger still says %u cents\n", result.fired, books.cents);
    return tally_registry_close(&registry) == TALLY_OK ? 0 : 1;
}
