# One image for gateway, consumers and jobs; what runs is the command.
FROM python:3.12-slim-bookworm AS build
WORKDIR /hub
COPY requirements.lock .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.12-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HUB_DATA_DIR=/var/lib/pharmacy-hub
RUN groupadd --gid 10001 hub \
    && useradd --uid 10001 --gid hub --home-dir /hub --no-create-home --shell /usr/sbin/nologin hub \
    && mkdir -p /var/lib/pharmacy-hub \
    && chown hub:hub /var/lib/pharmacy-hub
COPY --from=build /venv /venv
WORKDIR /hub
COPY . .
RUN /venv/bin/python -c "import pathlib, sysconfig; pathlib.Path(sysconfig.get_path('purelib'), 'pharmacy_connector_hub.pth').write_text('/hub\n')" \
    && printf '#!/bin/sh\nexec /venv/bin/python -m hub.cli "$@"\n' > /venv/bin/hub \
    && chmod 755 /venv/bin/hub \
    && python -m compileall -q hub gateway consumers
USER hub
EXPOSE 8000
CMD ["uvicorn", "gateway.app:create_app", "--factory", "--loop", "uvloop", "--http", "gateway.protocol:HttpProtocol", \
     "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "5", \
     "--ws-max-size", "8192", "--ws-per-message-deflate", "false", "--no-access-log", "--no-proxy-headers", \
     "--host", "0.0.0.0", "--port", "8000"]
