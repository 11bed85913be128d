/* Makes the kernel refuse a system call, in a child process: interrupted once, or failing for ever.
 *
 *     static int read_after_an_interruption(void) { …; return 0; }
 *     check_refused(read_after_an_interruption, &(refusal){SYS_pread64, EINTR, .times = 1}, 1);
 *
 * A seccomp filter sends the call to a signal handler, which answers the error or makes the call itself,
 * with a mark in its unused last argument that the filter lets pass. Linux on x86-64 only, and not where
 * a sandbox forbids filters: REFUSE_SUPPORTED and the answer of check_refused say so. */
#ifndef TALLY_TEST_REFUSE_H
#define TALLY_TEST_REFUSE_H

#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REFUSE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REFUSE_SANITIZED 1
#endif
#endif

/* Ends a forked child. By exit, so that a build that measures coverage counts what it covered; but what
 * sanitizers do at exit is not for a process whose system calls fail. */
__attribute__((unused, noreturn)) static void leave_child(int code)
{
#if defined(REFUSE_SANITIZED)
    _exit(code);
#else
    exit(code);
#endif
}

#if defined(__linux__) && defined(__x86_64__)
#define REFUSE_SUPPORTED 1

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

typedef struct refusal {
    long call;
    int error;      /* 0: the call answers 0 and does nothing */
    uint32_t skip;  /* so many go through first */
    uint32_t times; /* so many are refused; 0: all, by the kernel itself, also where signals are blocked */
} refusal;

#define REFUSALS_MAX 4
#define REFUSE_MARK 0x7A11u
#define REFUSE_NO_FILTER 99 /* the child's exit code when the system forbids filters */

static refusal refuse_rows[REFUSALS_MAX];
static volatile uint32_t refuse_met[REFUSALS_MAX]; /* how often each call was made */
static size_t refuse_count;

static long refuse_make_call(const greg_t *registers)
{
    register long r10 __asm__("r10") = registers[REG_R10];
    register long r8 __asm__("r8") = registers[REG_R8];
    register long r9 __asm__("r9") = REFUSE_MARK;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(registers[REG_RAX]), "D"(registers[REG_RDI]), "S"(registers[REG_RSI]),
                       "d"(registers[REG_RDX]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static void refuse_handle(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)number;
    for (size_t i = 0; i < refuse_count; i++) {
        const refusal *row = &refuse_rows[i];
        if (row->call != info->si_syscall) continue;
        uint32_t before = refuse_met[i];
        refuse_met[i] = before + 1;
        if (before >= row->skip && before < row->skip + row->times) {
            registers[REG_RAX] = -row->error;
            return;
        }
    }
    registers[REG_RAX] = info->si_syscall; /* the kernel has overwritten it */
    registers[REG_RAX] = refuse_make_call(registers);
}

#define REFUSE_FIELD(member) ((uint32_t)offsetof(struct seccomp_data, member))

static bool refuse_install(void)
{
    struct sock_filter filter[2 + REFUSALS_MAX * 5 + 1];
    unsigned short n = 0;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = refuse_handle;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    if (sigaction(SIGSYS, &action, NULL) != 0) return false;
    for (size_t i = 0; i < refuse_count; i++) {
        const refusal *row = &refuse_rows[i];
        uint32_t answer = row->times > 0 ? SECCOMP_RET_TRAP : SECCOMP_RET_ERRNO | (uint32_t)row->error;
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, REFUSE_FIELD(nr));
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)row->call, 0, 3);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, REFUSE_FIELD(args[5]));
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REFUSE_MARK, 1, 0);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {n, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Runs `run` in a child where the calls are refused, and checks that it returns 0; another number is
 * that of its problem. Not at all, and true, where the system forbids filters. */
__attribute__((unused)) static void check_refused(int (*run)(void), const refusal *rows, size_t count, int line)
{
    int status = -1;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        memcpy(refuse_rows, rows, count * sizeof *rows);
        refuse_count = count;
        (void)alarm(30);
        leave_child(refuse_install() ? run() : REFUSE_NO_FILTER);
    }
    (void)test_check(waitpid(child, &status, 0) == child, line, "the child was not waited for");
    if (WIFEXITED(status) && WEXITSTATUS(status) == REFUSE_NO_FILTER) {
        printf("#   this system forbids filters: not tested\n");
        return;
    }
    if (WIFEXITED(status)) (void)test_check(status == 0, line, "the child found problem %d", WEXITSTATUS(status));
    else (void)test_check(false, line, "the child was killed by signal %d", WTERMSIG(status));
}

#define CHECK_REFUSED(run, ...)                                             \
    do {                                                                    \
        const refusal rows[] = {__VA_ARGS__};                               \
        check_refused((run), rows, sizeof rows / sizeof rows[0], __LINE__); \
    } while (0)

#else
#define REFUSE_SUPPORTED 0
#endif

#endif
