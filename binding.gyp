{
  "targets": [
    {
      "target_name": "sockets_direct",
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "native/core/access.c",
            "native/core/address.c",
            "native/core/addresses.c",
            "native/core/control.c",
            "native/core/diag.c",
            "native/core/guard.c",
            "native/core/layout.c",
            "native/core/memory.c",
            "native/core/netlink.c",
            "native/core/pin.c",
            "native/core/pump.c",
            "native/core/route.c",
            "native/core/secure.c",
            "native/core/secure_kernel.c",
            "native/core/socket.c",
            "native/core/spin.c",
            "native/core/vm.c",
            "native/napi/access.c",
            "native/napi/alarm.c",
            "native/napi/addon.c",
            "native/napi/arguments.c",
            "native/napi/callback.c",
            "native/napi/delivery.c",
            "native/napi/isolate.c",
            "native/napi/kernel.c",
            "native/napi/link.c",
            "native/napi/listener.c",
            "native/napi/loop.c",
            "native/napi/memory.c",
            "native/napi/outcome.c",
            "native/napi/region.c",
            "native/napi/secure.c",
            "native/napi/slots.c",
            "native/napi/watcher.c"
          ],
          "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
          "cflags_c": ["-std=c11", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
          "ldflags": ["-Wl,-z,relro,-z,now"]
        }, {
          "type": "none"
        }]
      ]
    }
  ]
}
