#if !defined(_WIN32)
#include "platform/posix.h"

#include <errno.h>
#if defined(__linux__)
#include <sys/vfs.h>
#elif defined(__APPLE__)
#include <sys/mount.h>
#include <sys/param.h>
#endif

/* The numbers are those of statfs(2) and of the kernel's own sources. linux/magic.h has not all of them,
 * and older ones have fewer. */
static const uint32_t remote_types[] = {
    0x00006969, /* NFS */
    0x0000517B, /* SMB */
    0xFF534D42, /* CIFS */
    0xFE534D42, /* SMB2 */
    0x5346414F, /* AFS */
    0x6B414653, /* AFS, the kernel's own */
    0x73757245, /* Coda */
    0x00C36400, /* Ceph */
    0x0BD00BD0, /* Lustre */
    0x47504653, /* GPFS */
    0x01161970, /* GFS2, a disk that several machines have */
    0x7461636F, /* OCFS2, the same */
    0x01021997, /* 9P */
    0x786F4256, /* VirtualBox's shared folders */
    0xBACBACBC, /* VMware's shared folders */
};

bool tally_posix_type_is_remote(uint32_t type)
{
    for (size_t i = 0; i < sizeof remote_types / sizeof remote_types[0]; i++) {
        if (remote_types[i] == type) return true;
    }
    return false;
}

tally_status tally_posix_is_remote(void *context, const char *path, int32_t *remote, int32_t *os_error)
{
    (void)context;
    *remote = 0;
    *os_error = 0;
#if defined(__linux__) || defined(__APPLE__)
    struct statfs about;
    int result;
    do result = statfs(path, &about);
    while (result != 0 && errno == EINTR);
    if (result != 0) return tally_posix_failed(os_error);
#if defined(__linux__)
    /* The type is signed on some machines and of 64 bits on others; its number has 32. */
    *remote = tally_posix_type_is_remote((uint32_t)about.f_type) ? 1 : 0;
#else
    *remote = (about.f_flags & MNT_LOCAL) == 0 ? 1 : 0;
#endif
    return TALLY_OK;
#else
    (void)path;
    return TALLY_E_UNSUPPORTED;
#endif
}

#endif
