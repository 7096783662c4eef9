{{/*
For a pod of another chart (this one as its dependency, with app.enabled false):

  spec:
    securityContext: {{- include "sallyport.podSecurityContext" .Subcharts.sallyport | nindent 6 }}
    initContainers: {{- include "sallyport.sidecar" .Subcharts.sallyport | nindent 6 }}
    containers:
      - name: app
        volumeMounts: {{- include "sallyport.appVolumeMounts" .Subcharts.sallyport | nindent 10 }}
    volumes: {{- include "sallyport.volumes" .Subcharts.sallyport | nindent 6 }}

Such a pod has one replica and strategy Recreate: the data folder takes one instance.
*/}}
{{- define "sallyport.sidecar" -}}
- name: sallyport
  image: {{ include "sallyport.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  # A native sidecar: it starts before the app, is restarted by itself, and stops after the app.
  restartPolicy: Always
  args: [single, --config, /etc/sallyport/sallyport.yaml]
  ports:
    - name: telemetry
      containerPort: 9185
    {{- if include "sallyport.fronts" . }}
    - name: gateway
      containerPort: 9181
    {{- end }}
  # The app starts once this has succeeded, so it never sees a broker that is not there.
  startupProbe:
    httpGet: { path: /startupz, port: telemetry }
    periodSeconds: 1
    failureThreshold: 60
  livenessProbe:
    httpGet: { path: /livez, port: telemetry }
    periodSeconds: 10
    timeoutSeconds: 3
  readinessProbe:
    httpGet: { path: /readyz, port: telemetry }
    periodSeconds: 5
    timeoutSeconds: 3
  resources: {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    runAsUser: {{ include "sallyport.uid" . }}
    runAsGroup: {{ include "sallyport.uid" . }}
    runAsNonRoot: true
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities: { drop: [ALL] }
    seccompProfile: { type: RuntimeDefault }
  volumeMounts:
    - { name: sallyport-config, mountPath: /etc/sallyport, readOnly: true }
    {{- if .Values.key.existingSecret }}
    - { name: sallyport-key, mountPath: /run/keys, readOnly: true }
    {{- end }}
    {{- if .Values.secrets }}
    - { name: sallyport-secrets, mountPath: /run/secrets, readOnly: true }
    {{- end }}
    - { name: sallyport-data, mountPath: /var/lib/sallyport }
    - { name: sallyport-run, mountPath: /var/lib/sallyport/run }
    - { name: sallyport-tmp, mountPath: /tmp }
{{- end }}

{{- define "sallyport.appVolumeMounts" -}}
- { name: sallyport-run, mountPath: /run/sallyport, readOnly: true }
{{- end }}

{{- define "sallyport.volumes" -}}
- name: sallyport-config
  configMap: { name: {{ include "sallyport.fullname" . }} }
{{- with .Values.key }}
{{- if .existingSecret }}
- name: sallyport-key
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items: [{ key: {{ .item }}, path: sallyport }]
{{- end }}
{{- end }}
{{- if .Values.secrets }}
- name: sallyport-secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .Values.secrets }}
      - secret: {{- toYaml . | nindent 10 }}
      {{- end }}
{{- end }}
- name: sallyport-data
  {{- if .Values.persistence.enabled }}
  persistentVolumeClaim: { claimName: {{ default (include "sallyport.fullname" .) .Values.persistence.existingClaim }} }
  {{- else }}
  emptyDir: {}
  {{- end }}
- name: sallyport-run
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
- name: sallyport-tmp
  emptyDir: { medium: Memory, sizeLimit: 16Mi }
{{- end }}

{{/* The group lets the sidecar write its data and the app read the capability file, whatever the app's user. */}}
{{- define "sallyport.podSecurityContext" -}}
runAsNonRoot: true
fsGroup: {{ include "sallyport.uid" . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}
