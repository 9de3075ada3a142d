/** Linux's error numbers, negative, as the addon and the proxy driver answer them. The same on every architecture we run on. */
export const EPERM = -1;
export const EAGAIN = -11;
export const ENOMEM = -12;
export const EFAULT = -14;
export const EINVAL = -22;
export const ENOTTY = -25;
export const ENOSYS = -38;
export const ENOTSUP = -95;
export const ENOBUFS = -105;
export const ESTALE = -116;
