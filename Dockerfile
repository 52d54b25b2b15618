# Colours the photos, archives and films of the folder that is mounted as /photos: docs/installing.md says how.
FROM python:3.13-slim AS build
ARG EXTRAS=""
COPY . /colourise
RUN python -m venv /opt/colourise && /opt/colourise/bin/pip install --no-cache-dir "/colourise${EXTRAS}"

FROM python:3.13-slim
COPY --from=build /opt/colourise /opt/colourise
# Whoever runs it may have no home here.
ENV PATH="/opt/colourise/bin:$PATH" HOME=/tmp
WORKDIR /photos
VOLUME /photos
ENTRYPOINT ["colourise"]
