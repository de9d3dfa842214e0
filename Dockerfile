# One image for every process of Understudy. On glibc: Temporal's native core has no build for musl.
ARG NODE_IMAGE=node:22.20.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN node scripts/build.mjs && npm prune --omit=dev

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE* THIRD_PARTY_NOTICES.md ./
COPY bin bin
# The gateway's route table; a volume that is mounted here takes over this owner.
RUN mkdir -p /var/lib/understudy && chown node:node /var/lib/understudy
USER node
ENTRYPOINT ["node", "/app/bin/understudy.js"]
CMD ["--help"]
