"""The admin API: thin routes over `gateway.admin`, the store and the engines. Mounted by `api.pages`."""
