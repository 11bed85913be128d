#if !defined(_WIN32)
#include "platform/posix.h"

#include <errno.h>

tally_status tally_posix_status(int error_number)
{
    switch (error_number) {
    case 0: return TALLY_OK;
    case ENOENT:
    case ENOTDIR: return TALLY_E_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY: return TALLY_E_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: /* O_NOFOLLOW met a link */ return TALLY_E_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return TALLY_E_NO_SPACE;
    case ENOMEM: return TALLY_E_NO_MEMORY;
    case EINTR: return TALLY_E_INTERRUPTED;
    case EBADF: return TALLY_E_HANDLE;
    case EINVAL:
    case EISDIR: return TALLY_E_ARGUMENT;
    case ENAMETOOLONG: return TALLY_E_LENGTH;
    case EOVERFLOW: return TALLY_E_OVERFLOW;
    case ETIMEDOUT: return TALLY_E_TIMEOUT;
    case ENOSYS:
    case EOPNOTSUPP:
    case EXDEV: return TALLY_E_UNSUPPORTED;
    default: return TALLY_E_IO;
    }
}

tally_status tally_posix_failed(int32_t *os_error)
{
    *os_error = errno;
    return tally_posix_status(errno);
}

#endif
